//go:build !linux

package fault

// reservePort reserves nothing where it is not known how: the listener finds a
// free port, and up fails if another process took it while the proxy was down.
func reservePort() (port int, release func(), err error) { return 0, func() {}, nil }
