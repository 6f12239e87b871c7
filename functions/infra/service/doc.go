// Package service has the one life cycle of everything that works in the
// background, and runs a program's services together: they start in order, the
// first end interrupts the rest, and they stop in reverse order.
//
// Package servicetest has the tests that each service passes.
package service
