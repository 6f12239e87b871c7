// Package terminal prompts the user at the terminal.
package terminal
