package program_test

import (
	"context"
	"fmt"
	"testing"

	"fnregistry.dev/functions/infra/program"
)

// The status is found through wrapping, and nothing is printed.
func TestProgramExit_Status(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		1: program.ProgramExit(1),
		3: fmt.Errorf("nothing found: %w", program.ProgramExit(3)),
		0: program.ProgramExit(0),
	} {
		cfg := program.ProgramRunConfig{Name: "x", Doc: "x", Commands: []*program.ProgramCommandHandle{
			program.ProgramCommand(program.ProgramCommandConfig[*struct{}]{
				Run: func(context.Context, program.ProgramCall[*struct{}]) error { return err },
			}),
		}}
		if got := start(t.Context(), cfg, nil); got != (result{code: want}) {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
