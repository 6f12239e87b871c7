package fault

import (
	"fmt"
	"os"
	"syscall"
)

// reservePort holds a free port of 127.0.0.1 until release is called: a socket
// that is bound and does not listen. The kernel gives the port to nobody who
// doesn't ask for it by number, refuses connections to it, and, since both
// sockets have SO_REUSEADDR (package net sets it on listeners), lets a listener
// come and go on it. Without this, another process could get the port as an
// ephemeral one while a proxy is down.
func reservePort() (port int, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, os.NewSyscallError("socket", err)
	}
	port, err = bindFree(fd)
	if err != nil {
		syscall.Close(fd)
		return 0, nil, fmt.Errorf("reserve a port: %w", err)
	}
	return port, func() { syscall.Close(fd) }, nil
}

// bindFree binds fd to a free port of 127.0.0.1.
func bindFree(fd int) (int, error) {
	if err := syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err != nil {
		return 0, os.NewSyscallError("setsockopt", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return 0, os.NewSyscallError("bind", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return 0, os.NewSyscallError("getsockname", err)
	}
	return name.(*syscall.SockaddrInet4).Port, nil
}
