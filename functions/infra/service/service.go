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
//   - Stop that returns CodeTimeout has asked the service to stop, which then
//     ends later; wait for Done if that matters.
type Service interface {
	// Stop asks the service to end and waits until it has ended or ctx is
	// done. It may be called more than once, also after the end. It returns
	// nil once the service has ended cleanly, Err's error or what could not
	// be stopped otherwise, and a *core.Error with CodeTimeout if ctx was
	// done first; the service is still stopping then.
	Stop(ctx context.Context) error

	// Done is closed when the service has ended and nothing of it runs any
	// more.
	Done() <-chan struct{}

	// Err returns why the service ended: nil before Done is closed, and nil
	// if it ended because Stop was called or its context was done.
	Err() error
}
