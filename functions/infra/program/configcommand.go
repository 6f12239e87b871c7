package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

const configHelp = `It takes the flags of the program, and reads its file and environment. Later
places win: default, file, environment, flag. A secret is shown as [secret], and
is not fetched from where it is kept.`

// configFormats are the formats for printing the settings. The format is an
// argument, not a flag, since config accepts the flags of all settings,
// whatever their names.
var configFormats = []string{"text", "json"}

func (r *runner) configCommand() *ProgramCommandHandle {
	c := ProgramCommand(ProgramCommandConfig[*struct{}]{
		Name: "config", Args: "[text|json]", MaxArgs: 1,
		Doc: "print the effective settings and where each comes from", Help: configHelp,
		Complete: func(_ context.Context, c ProgramCompletion[*struct{}]) []string {
			if c.Flag != "" || len(c.Args) > 0 {
				return nil
			}
			return configFormats
		},
		Run: r.runConfig,
	})
	c.reads = r.withSettings()
	return c
}

// addSettings makes l read the settings of a command in addition to its own
// options.
func (r *runner) addSettings(l *loading, c *ProgramCommandHandle) {
	settings := c.settings()
	options := l.fields
	if err := l.prepare(settings); err != nil {
		panic(err) // check has validated them
	}
	l.fields = append(withKeys(l.fields), options...)
}

// runConfig prints the settings, even if they are out of bounds, and then what
// is wrong with them. It does not call Validate, which may need the secrets.
func (r *runner) runConfig(_ context.Context, call ProgramCall[*struct{}]) error {
	format := configFormats[0]
	if len(call.Args) > 0 {
		format = call.Args[0]
	}
	if !slices.Contains(configFormats, format) {
		return &core.Error{Code: core.CodeInvalid, Err: notOneOf(format, configFormats)}
	}
	l := r.loading
	if err := l.read(); err != nil {
		return err
	}
	return errors.Join(r.printConfig(call.Stdout, format), l.check())
}

func (r *runner) printConfig(w io.Writer, format string) error {
	l := r.loading
	if format == "text" {
		return writeValues(w, l.values())
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		Program  string         `json:"program"`
		File     string         `json:"file"` // empty: none was read
		Settings []ProgramValue `json:"settings"`
	}{r.cfg.Name, l.file, l.values()})
}

// writeValues prints the settings in columns.
func writeValues(w io.Writer, values []ProgramValue) error {
	key, value := 0, 0
	for _, v := range values {
		key, value = max(key, len(v.Key)), max(value, min(len(v.Value), 40))
	}
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "%-*s  %-*s  %s\n", key, v.Key, value, v.Value, v.From)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
