//go:build !linux

package main

import "syscall"

func fromTerminal(syscall.Signal, int) bool { return false }
