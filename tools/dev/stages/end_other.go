//go:build !linux

package main

import "syscall"

// endWithParent is something that other kernels can't do.
func endWithParent(*syscall.SysProcAttr) {}
