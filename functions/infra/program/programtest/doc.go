// Package programtest runs programs made with package program within tests.
package programtest
