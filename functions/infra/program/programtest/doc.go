// Package programtest runs programs made by package program within tests.
package programtest
