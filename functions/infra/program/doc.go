// Package program is the basis of all programs in a repository: [ProgramMain]
// handles signals, panics and exit statuses, [ProgramCommand] makes a command
// from a function and a struct, and the struct's tags define its flags,
// environment variables, file, documentation and completion.
package program
