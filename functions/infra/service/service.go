package service

import "context"

// Service is something that runs in the background: a server, a watch, a
// queue's worker. It runs once started, so there is no Start method; a function
// such as [ServiceStart] returns it. The methods may be called from several
// goroutines at once.
//
// What has nothing running in the background, such as a database, is a resource
// instead and has Close() error.
//
// More in service.md:
//   - There is no Start: a service runs when you get it.
//   - When Stop returns CodeTimeout, the service has been asked to stop and
//     ends later; wait for Done if that matters.
type Service interface {
	// Stop asks the service to end and waits until it has ended or ctx is done.
	// It may be called more than once, even after the end. It returns nil if
	// the service ended cleanly; otherwise Err's error, an error that reports
	// what could not be stopped, or a *core.Error with CodeTimeout if ctx was
	// done first, in which case the service is still stopping.
	Stop(ctx context.Context) error

	// Done is closed when the service has ended and nothing of it runs any
	// more.
	Done() <-chan struct{}

	// Err returns why the service ended: nil before Done is closed, and nil
	// if it ended because Stop was called or its context was done.
	Err() error
}
