package program

import (
	"context"
	"errors"
	"os"
	"reflect"

	"fnregistry.dev/functions/core"
)

// ProgramConfigSources says where settings come from. The zero value of an
// optional field is its default.
type ProgramConfigSources[T any] struct {
	// Program is the program's name: the prefix of the environment's
	// variables, and in messages. Required.
	Program string
	// Defaults is the settings' struct with its defaults. It is not changed,
	// nor are the maps and slices in it.
	Defaults T
	// Args are the command line's, without the program and its command.
	Args []string
	// LookupEnv reads the environment. Default: os.LookupEnv.
	LookupEnv func(name string) (string, bool)
	// Secret returns a secret that a token store keeps under a name, such
	// as the Get of a token_store. Default: {store: NAME} is refused.
	Secret func(ctx context.Context, name string) (string, error)
	// MaxFileBytes is how large the file may be. Default: 16 MiB.
	MaxFileBytes int64
}

// ProgramConfigResult is a program's settings.
type ProgramConfigResult[T any] struct {
	Config T
	// Args are what is left of the command line.
	Args []string
	// File is the file that was read; empty: none.
	File string
	// Values are all settings in the order of the struct.
	Values []ProgramValue
}

// ProgramValue is a setting in force.
type ProgramValue struct {
	Key   string `json:"key"`
	Value string `json:"value"` // "[secret]" for a secret that is set
	From  string `json:"from"`  // "default", "app.yaml:3:5", "environment APP_ADDR" or "flag --addr"
}

// ErrProgramHelp is returned where the command line asks for help.
var ErrProgramHelp = errors.New("help was asked for")

// ProgramConfig reads a program's settings: the defaults, over them a YAML
// file, over it the environment, over that the flags. T is a struct whose
// exported fields have the tags yaml:"name" and doc:"what it is for", and may
// have enum:"a,b", min:"1" and max:"9". Structs within give keys such as
// http.addr. A setting http.addr of the program app is http: {addr: ...} in the
// file, APP_HTTP_ADDR in the environment and --http-addr on the command line.
// Fields may be texts, numbers, bools, time.Duration, []string
// (comma-separated, or the flag several times), [ProgramSecret], types with
// UnmarshalText, and, in the file alone, whatever yaml_decode takes.
//
// A field with yaml:"-" and flag:"dry-run" is an option of one call: the flag
// --dry-run, and nothing in file and environment. Any flag may have short:"n",
// a second name of one letter.
// Flags begin with one dash or two, and may stand behind arguments; all that is
// behind -- is an argument.
//
// The file is that of the flag --config or of APP_CONFIG; without one there is
// none. A secret's variable may have _FILE behind its name and then names a
// file; its flag always has -file behind it, since others on the machine see
// the command line. An empty variable counts as not set, but for a secret's,
// which is refused.
//
// A slice type with UnmarshalText gets a call for each time its flag is given:
// it appends, for values with commas.
//
// A bool may be true or false, and whatever else YAML takes for them: yes, no,
// on and off, the same in the file, the environment and behind a flag's "=".
//
// A T with a method Validate() error is asked last. Errors are *core.Error:
// CodeInvalid names the setting and where its value came from, all mistakes of
// the file at once; those of reading a file keep their code; [ErrProgramHelp]
// comes back as it is.
//
// More in program_config.md:
//   - A list from a flag or a variable replaces the file's.
//   - An empty variable counts as not set: the environment can't set a text to
//     "".
func ProgramConfig[T any](ctx context.Context, cfg ProgramConfigSources[T]) (ProgramConfigResult[T], error) {
	result := ProgramConfigResult[T]{Config: cfg.Defaults}
	if reflect.TypeFor[T]().Kind() == reflect.Struct {
		result.Config = newSettings(reflect.ValueOf(&cfg.Defaults)).Elem().Interface().(T)
	}
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = os.LookupEnv
	}
	l := &loading{program: cfg.Program, hint: cfg.Program + " --help lists the settings", lookup: cfg.LookupEnv, secret: cfg.Secret, maxBytes: cfg.MaxFileBytes}
	err := l.load(ctx, &result.Config, cfg.Args)
	result.Args, result.File = l.rest, l.file
	if errors.Is(err, ErrProgramHelp) {
		return result, ErrProgramHelp
	}
	if err != nil {
		return result, &core.Error{Op: "program_config", Err: err}
	}
	result.Values = l.values()
	return result, nil
}
