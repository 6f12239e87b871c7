// Package json reads JSON strictly: anything but exactly the expected value is
// an error that says where and why. It writes lines that a terminal can show.
package json
