// Package program has what every program's main needs: its settings from file,
// environment and flags, described by one struct.
package program
