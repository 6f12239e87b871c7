// Package terminal asks the person at the terminal.
package terminal
