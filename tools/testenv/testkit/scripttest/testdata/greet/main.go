// Command greet is a program for the kit's own test.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	switch {
	case len(os.Args) < 2:
		fmt.Fprintln(os.Stderr, "greet: whom?")
		os.Exit(2)
	case os.Args[1] == "race":
		race()
	default:
		fmt.Println("hello", os.Args[1])
	}
}

// race writes a variable from two goroutines.
func race() {
	n := 0
	go func() { n++ }()
	n++
	time.Sleep(10 * time.Millisecond)
	fmt.Println("raced")
}
