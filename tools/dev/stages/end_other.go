//go:build !linux

package main

import "syscall"

// endWithParent does nothing: other kernels don't offer it.
func endWithParent(*syscall.SysProcAttr) {}
