// Package service defines the common life cycle of everything that runs in the
// background, and runs a program's services together: they start in order, the
// first to end interrupts the rest, and they stop in reverse order.
// Package servicetest has the tests that each service must pass.
package service
