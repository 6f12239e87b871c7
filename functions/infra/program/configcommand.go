package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// configOptions are the options of the command config.
type configOptions struct {
	Format string `yaml:"-" flag:"format" doc:"output format" enum:"text,json"`
}

const configHelp = `It takes the flags of the program, and reads its file and environment. Later
places win: default, file, environment, flag. A secret that is set is shown as
[secret].`

func (r *runner) configCommand() *ProgramCommandHandle {
	c := ProgramCommand(ProgramCommandConfig[*configOptions]{
		Name: "config", Doc: "print the effective settings and where each comes from", Help: configHelp,
		Defaults: &configOptions{Format: "text"},
		Run:      r.runConfig,
	})
	c.reads = r.withSettings()
	c.secret = c.reads.secret
	return c
}

// addSettings makes l read the settings of a command besides its own options.
func (r *runner) addSettings(l *loading, c *ProgramCommandHandle) {
	settings := c.settings()
	options := l.fields
	if err := l.prepare(settings); err != nil {
		panic(err) // check has looked at them
	}
	l.fields = append(withKeys(l.fields), options...)
}

func (r *runner) runConfig(ctx context.Context, call ProgramCall[*configOptions]) error {
	l := r.loading
	if err := errors.Join(l.read(), l.finish(ctx)); err != nil {
		return err
	}
	if call.Settings.Format == "json" {
		enc := json.NewEncoder(call.Stdout)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(struct {
			Program  string         `json:"program"`
			File     string         `json:"file"` // empty: none was read
			Settings []ProgramValue `json:"settings"`
		}{r.cfg.Name, l.file, l.values()})
	}
	return writeValues(call.Stdout, l.values())
}

// writeValues writes settings in columns.
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
