package main

import "syscall"

// endWithParent asks the kernel to send the child a SIGTERM when this process
// ends, even by SIGKILL.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGTERM }
