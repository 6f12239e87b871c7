// Package servicetest has the tests that every [service.Service] must pass.
package servicetest
