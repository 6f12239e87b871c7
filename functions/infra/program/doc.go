// Package program is what the programs of a repository stand on: [ProgramMain]
// handles signals, panics and exit statuses, [ProgramCommand] makes a command
// of a function and a struct, and the struct's tags are its flags, its
// environment, its file, its documentation and its completion.
package program
