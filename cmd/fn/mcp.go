package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/program"
)

const mcpHelp = `Serve the Model Context Protocol on stdin and stdout, so that coding agents look for units before they write new ones. The
tools are find, show, similar, uses, impact, graph, size, lint, fix and new, and each spec is a resource (spec:///ID). size
builds programs to measure them; new only shows the files it would write unless asked to write them.

To set it up, give your agent this command, started in the repository or with --root:

  {"mcpServers": {"fn": {"command": "fn", "args": ["mcp"]}}}

It ends when stdin ends. Answers reflect the files as of at most 20 ms earlier.`

// instructions are shown by a client to its agent before the first call.
const instructions = `This server indexes the units of a code repository: small Go functions and types, each with a spec that documents what it does,
its parameters, its result and the mistakes that callers make (gotchas).

Look before you write:
1. Before you write any Go helper here, call "similar" with a description and a signature, or "find" with a few words. If a unit
   does it, use it: import the package that "show" names and call its symbol. Read the gotchas that "show" returns.
2. If a unit nearly does it, extend that unit instead of writing a second one. Call "impact" before you change it: it lists what may break.
3. Only if nothing fits, call "new" to create a unit. It shows the files first; with write it creates them, and they compile and
   pass the linter. The function returns an error on every call until you implement it: replace the body, the test and the spec's texts.
4. After a change of code or spec, call "lint", and "fix" for findings that can be fixed automatically.
"size" measures how much units add to a binary, by building it: call it before you import a heavy one.
Units are identified by ID, such as error_code_go_core; "show" also takes a name or a Go symbol. Answers reflect the files as of at most 20 ms ago.`

func mcpCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*common]{
		Name: "mcp", Doc: "serve coding agents: Model Context Protocol on stdin and stdout", Help: mcpHelp,
	}, serveMCP, nil)
}

func serveMCP(ctx context.Context, e *env, _ *common, _ []string) error {
	r, err := e.load(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	stream := newLines(closer(e.in), e.out)
	err = newServer(r, e.version, lookEvery).Run(ctx, &mcp.IOTransport{Reader: answeredFirst{stream, ctx}, Writer: keepOpen{stream}})
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil // stopped, or the client is gone
	}
	return err
}

func closer(r io.Reader) io.ReadCloser {
	if rc, ok := r.(io.ReadCloser); ok {
		return rc
	}
	return io.NopCloser(r)
}

type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

// service handles the tools' calls with one registry.
type service struct {
	r     *registry.Registry
	every time.Duration // see state

	look   sync.Mutex
	looked time.Time // when the files were last checked

	make  sync.Mutex // held while a unit is created
	build sync.Mutex // held during a measurement
}

// lookEvery is the maximum age of the last check of the files when answering.
// An agent takes longer than that between editing a file and its next question;
// in a burst of a thousand questions, each check serves several.
const lookEvery = 20 * time.Millisecond

// newServer makes a server with all tools over a registry, which the caller
// closes after it. version is the version reported to clients, and every the
// maximum age of the last check of the files before a question repeats it.
func newServer(r *registry.Registry, version string, every time.Duration) *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "fn", Title: "fn_registry", Version: version}, &mcp.ServerOptions{
		Instructions: instructions,
		Capabilities: &mcp.ServerCapabilities{}, // tools and resources only, added below
	})
	s := &service{r: r, every: every}
	server.AddReceivingMiddleware(plainArguments(s.addTools(server)))
	s.addResources(server)
	return server
}

// state returns the registry's state, brought up to date: it checks the stats
// of all files, and reads those that changed, unless the last check was a
// moment ago.
func (s *service) state(ctx context.Context) (*registry.State, error) {
	s.look.Lock()
	defer s.look.Unlock()
	if began := time.Now(); began.Sub(s.looked) >= s.every {
		change, err := s.r.Refresh(ctx)
		if err != nil {
			return nil, err
		}
		s.looked = began
		if !change.None() {
			_ = s.r.Save(ctx) // only a cache; the next start works without it
		}
	}
	return s.r.State(), nil
}

// lookAgain makes the next answer re-check the files, after this server wrote
// some.
func (s *service) lookAgain() {
	s.look.Lock()
	defer s.look.Unlock()
	s.looked = time.Time{}
}

// fail returns an error for an agent, with a hint.
func fail(err error) error {
	_, hint, _ := describe(err)
	if _, ok := errors.AsType[*registry.NotFoundError](err); ok {
		hint = "find looks for units by words"
	}
	if refused, ok := errors.AsType[*refusal](err); ok && refused.toolHint != "" {
		hint = refused.toolHint
	}
	if hint != "" {
		return fmt.Errorf("%w\nhint: %s", err, hint)
	}
	return err
}
