package program

import (
	"io"
	"log/slog"
)

// ProgramLog is the settings of a program's log: embed it in the settings'
// struct of a command. It gives the keys log.level, log.format and quiet, and
// the flags --log-level, --log-format and --quiet. Fields that are empty in the
// defaults are info and text.
//
// More in program_log.md:
//   - The log goes to stderr.
//   - Quiet wins over the level.
type ProgramLog struct {
	Log struct {
		Level  string `yaml:"level" doc:"the lowest level that is logged" enum:"debug,info,warn,error"`
		Format string `yaml:"format" doc:"how the log is written" enum:"text,json"`
	} `yaml:"log"`
	Quiet bool `yaml:"quiet" doc:"log only errors"`
}

func (l *ProgramLog) logSettings() *ProgramLog { return l }

// setLogDefaults fills in the log settings that a program's defaults leave
// empty.
func setLogDefaults(settings any) {
	own, ok := settings.(interface{ logSettings() *ProgramLog })
	if !ok {
		return
	}
	l := own.logSettings()
	if l.Log.Level == "" {
		l.Log.Level = "info"
	}
	if l.Log.Format == "" {
		l.Log.Format = "text"
	}
}

// newLogger returns the logger that the settings describe.
func newLogger(settings any, w io.Writer) *slog.Logger {
	own, ok := settings.(interface{ logSettings() *ProgramLog })
	if !ok {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	l := own.logSettings()
	opts := &slog.HandlerOptions{Level: map[string]slog.Level{"debug": slog.LevelDebug, "warn": slog.LevelWarn, "error": slog.LevelError}[l.Log.Level]}
	if l.Quiet {
		opts.Level = slog.LevelError
	}
	if l.Log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
