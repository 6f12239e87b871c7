// Package servicetest has the tests that every [service.Service] passes.
package servicetest
