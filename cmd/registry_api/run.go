package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"fnregistry.dev/cmd/registry_api/live"
	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
)

// settings are the program's flags.
type settings struct {
	addr    string
	roots   []string
	hosts   []string
	cache   string
	watch   bool
	sweep   time.Duration
	version bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("registry_api", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8787", "`host:port` to listen on; port 0 takes a free one")
	flags.Func("root", "`folder` of a repository; may be given several times (default: the working directory)", collect(&s.roots))
	flags.Func("host", "`name` that requests may give as their host, besides those of this machine; may be given several times", collect(&s.hosts))
	flags.StringVar(&s.cache, "cache", "", "`folder` for what is kept between two starts (default: fn_registry in the user's cache folder)")
	flags.BoolVar(&s.watch, "watch", true, "notice changes of files as they happen")
	flags.DurationVar(&s.sweep, "sweep", 30*time.Second, "`time` between two looks at all files")
	flags.BoolVar(&s.version, "version", false, "print the version and leave")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("unexpected argument %q", flags.Arg(0)), Hint: "give folders with -root"}
	case s.sweep < time.Second:
		return s, &core.Error{Code: core.CodeInvalid, Message: "-sweep is less than a second"}
	}
	return s, nil
}

func collect(list *[]string) func(string) error {
	return func(value string) error {
		if value == "" {
			return errors.New("it is empty")
		}
		*list = append(*list, value)
		return nil
	}
}

// Run serves until ctx is done. It prints the address on stdout once it accepts connections, and logs to stderr.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return invalid(err)
	case s.version:
		fmt.Fprintln(stdout, "registry_api", version())
		return nil
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	counters := newCounters()
	l := live.New(live.Config{
		Options: registry.Options{Roots: s.roots, Cache: s.cache, Log: log}, Watch: s.watch, Sweep: s.sweep, OnRefresh: counters.refreshed, Log: log,
	})
	handler, err := newHandler(s.addr, s.hosts, l, counters, log)
	if err != nil {
		return err
	}
	return serve(ctx, s, l, handler, stdout, log)
}

// invalid gives flag's errors, which it has already shown with the usage, the code for bad input.
func invalid(err error) error {
	if core.ErrorCode(err) == core.CodeInvalid {
		return err
	}
	return &core.Error{Code: core.CodeInvalid, Err: err}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version + " " + info.GoVersion
}

// serve runs the server and the registry until ctx is done or one of them fails. The registry is stopped after the
// server, whose last requests still need it.
func serve(ctx context.Context, s settings, l *live.Live, handler http.Handler, stdout io.Writer, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	liveCtx, stopLive := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLive()
	var followed chan error
	err := fnhttp.HTTPServe(ctx, fnhttp.HTTPServeConfig{
		Handler: handler, Addr: s.addr, Logger: log,
		OnListen: func(addr net.Addr) {
			fmt.Fprintf(stdout, "registry_api listens on http://%s\n", addr)
			followed = make(chan error, 1)
			go func() {
				followed <- l.Run(liveCtx)
				stop() // a server that knows nothing is of no use
			}()
		},
	})
	if followed == nil {
		return err
	}
	stopLive()
	return errors.Join(err, <-followed)
}
