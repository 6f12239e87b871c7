package program

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/yaml"
	"fnregistry.dev/functions/internal/bounded"
)

// ProgramConfigConfig says what to read. The zero value of an optional field is
// its default.
type ProgramConfigConfig[T any] struct {
	// Program is the program's name: the prefix of the environment's
	// variables, and in messages. Required.
	Program string
	// Defaults is the settings' struct with its defaults.
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
	From  string `json:"from"`  // "default", "app.yaml:3:5", "environment APP_ADDR" or "flag -addr"
}

// ErrProgramHelp is returned where the command line asks for help.
var ErrProgramHelp = errors.New("help was asked for")

// ProgramConfig reads a program's settings: the defaults, over them a YAML file,
// over it the environment, over that the flags. T is a struct whose exported
// fields have the tags yaml:"name" and doc:"what it is for", and may have
// enum:"a,b", min:"1" and max:"9". Structs within give keys such as http.addr. A
// setting http.addr of the program app is http: {addr: ...} in the file, APP_HTTP_ADDR
// in the environment and -http-addr on the command line. Fields may be texts,
// numbers, bools, time.Duration, []string (comma-separated, or the flag several
// times), [ProgramSecret], types with UnmarshalText, and, in the file alone,
// whatever yaml_decode takes.
//
// The file is that of the flag -config or of APP_CONFIG; without one there is
// none. A secret's variable may have _FILE behind its name and then names a file;
// its flag always has -file behind it, since others on the machine see the
// command line. An empty variable counts as not set.
//
// A T with a method Validate() error is asked last. Errors are *core.Error:
// CodeInvalid names the setting and where its value came from, all mistakes of
// the file at once; those of reading a file keep their code; [ErrProgramHelp]
// comes back as it is.
//
// More in program_config.md:
//   - A list from a flag or a variable replaces the file's.
//   - An empty variable counts as not set: there is no way to set a text to ""
//     by the environment.
func ProgramConfig[T any](ctx context.Context, cfg ProgramConfigConfig[T]) (ProgramConfigResult[T], error) {
	result := ProgramConfigResult[T]{Config: cfg.Defaults}
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = os.LookupEnv
	}
	l := &loading{program: cfg.Program, lookup: cfg.LookupEnv, secret: cfg.Secret, maxBytes: cfg.MaxFileBytes, from: map[string]string{}}
	err := l.load(ctx, reflect.ValueOf(&result.Config).Elem(), cfg.Args)
	result.Args, result.File = l.rest, l.file
	if err != nil {
		if errors.Is(err, ErrProgramHelp) {
			return result, ErrProgramHelp
		}
		return result, &core.Error{Op: "program_config", Hint: cfg.Program + " -help lists the settings", Err: err}
	}
	result.Values = l.values()
	if own, ok := any(&result.Config).(interface{ Validate() error }); ok {
		if err := own.Validate(); err != nil {
			return result, &core.Error{Code: core.CodeInvalid, Op: "program_config", Err: err}
		}
	}
	return result, nil
}

// loading is the settings while they are read.
type loading struct {
	program  string
	lookup   func(string) (string, bool)
	secret   func(context.Context, string) (string, error)
	maxBytes int64

	fields []field
	from   map[string]string // by key
	file   string
	rest   []string
}

func (l *loading) load(ctx context.Context, config reflect.Value, args []string) (err error) {
	if l.program == "" || config.Kind() != reflect.Struct {
		return &core.Error{Code: core.CodeInternal, Message: "it needs a program's name and a struct"}
	}
	if l.fields, err = fieldsOf(l.program, config, ""); err != nil {
		return &core.Error{Code: core.CodeInternal, Err: err}
	}
	flags, err := l.parse(args)
	if err != nil {
		return err
	}
	if err := l.readFile(config); err != nil {
		return err
	}
	for i := range l.fields {
		if err := l.readEnv(&l.fields[i]); err != nil {
			return err
		}
	}
	if err := l.setFlags(flags); err != nil {
		return err
	}
	for i := range l.fields {
		f := &l.fields[i]
		if err := l.resolve(ctx, f); err != nil {
			return err
		}
		if err := f.check(); err != nil {
			return l.invalid(f, err)
		}
	}
	return nil
}

// given is a flag on the command line.
type given struct {
	field *field
	name  string
	texts []string
}

// parse reads the command line, without setting anything yet.
func (l *loading) parse(args []string) ([]*given, error) {
	set := flag.NewFlagSet(l.program, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	l.file, _ = l.lookup(envName(l.program) + "_CONFIG")
	names := []string{"config"}
	set.StringVar(&l.file, "config", l.file, "")
	var all []*given
	for i := range l.fields {
		f := &l.fields[i]
		if f.Flag == "" {
			continue
		}
		g := &given{field: f, name: f.Flag}
		if f.Type == "secret" {
			g.name += "-file"
		}
		all = append(all, g)
		names = append(names, g.name)
		set.Var(flagValue{g}, g.name, "")
	}
	switch err := set.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil, ErrProgramHelp
	case err != nil:
		return nil, flagError(err, names)
	}
	l.rest = set.Args()
	return all, nil
}

// flagError adds to flag's error what may have been meant.
func flagError(err error, names []string) error {
	failed := &core.Error{Code: core.CodeInvalid, Message: err.Error()}
	if name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		failed.Message = "unknown flag -" + name
		near := core.NameNearest(name, names)
		if slices.Contains(names, name+"-file") {
			near = []string{name + "-file"} // of a secret
		}
		if near != nil {
			failed.Message += "; did you mean -" + near[0] + "?"
		}
	}
	return failed
}

// flagValue collects a flag's texts.
type flagValue struct{ *given }

func (v flagValue) String() string { return "" }

func (v flagValue) Set(text string) error {
	v.texts = append(v.texts, text)
	return nil
}

// IsBoolFlag lets -verbose stand for -verbose=true.
func (v flagValue) IsBoolFlag() bool {
	return v.given != nil && v.field.value.Kind() == reflect.Bool
}

func (l *loading) setFlags(all []*given) error {
	for _, g := range all {
		if len(g.texts) == 0 {
			continue
		}
		f := g.field
		l.from[f.Key] = "flag -" + g.name
		if f.Type == "secret" {
			f.value.Set(reflect.ValueOf(ProgramSecret{from: secretPlace{File: g.texts[len(g.texts)-1]}}))
			continue
		}
		text := g.texts[len(g.texts)-1]
		if f.Type == "list" {
			text = strings.Join(g.texts, ",")
		}
		if err := setText(f.value, text); err != nil {
			return l.invalid(f, err)
		}
	}
	return nil
}

func (l *loading) readFile(config reflect.Value) error {
	if l.file == "" {
		return nil
	}
	text, err := bounded.ReadFile(l.file, cmp.Or(l.maxBytes, 16<<20))
	if err != nil {
		return err
	}
	return yaml.YAMLDecode(text, config.Addr().Interface(), yaml.YAMLDecodeConfig{
		Name: l.file,
		OnValue: func(path string, line, column int) {
			l.from[path] = fmt.Sprintf("%s:%d:%d", l.file, line, column)
		},
	})
}

func (l *loading) readEnv(f *field) error {
	if f.Env == "" {
		return nil
	}
	if text, ok := l.lookup(f.Env); ok && text != "" {
		l.from[f.Key] = "environment " + f.Env
		if err := setText(f.value, text); err != nil {
			return l.invalid(f, err)
		}
	} else if file, ok := l.lookup(f.Env + "_FILE"); ok && file != "" && f.Type == "secret" {
		l.from[f.Key] = "environment " + f.Env + "_FILE"
		f.value.Set(reflect.ValueOf(ProgramSecret{from: secretPlace{File: file}}))
	}
	return nil
}

// resolve reads a secret from where it is kept.
func (l *loading) resolve(ctx context.Context, f *field) error {
	secret, ok := f.value.Interface().(ProgramSecret)
	if !ok || secret.from == (secretPlace{}) {
		return nil
	}
	switch place := secret.from; {
	case place.File != "":
		text, err := bounded.ReadFile(place.File, 64<<10)
		if err != nil {
			return &core.Error{Op: f.Key, Err: err}
		}
		secret.text = strings.TrimRight(string(text), "\r\n")
	case place.Env != "":
		secret.text, _ = l.lookup(place.Env)
	case l.secret == nil:
		return l.invalid(f, errors.New("this program has no token store"))
	default:
		text, err := l.secret(ctx, place.Store)
		if err != nil {
			return &core.Error{Op: f.Key, Err: err}
		}
		secret.text = text
	}
	if secret.text == "" {
		return l.invalid(f, errors.New("the secret that it names is empty or not set"))
	}
	f.value.Set(reflect.ValueOf(secret))
	return nil
}

// invalid says which setting is wrong and where its value came from.
func (l *loading) invalid(f *field, err error) error {
	return &core.Error{Code: core.CodeInvalid, Message: f.Key + " (" + l.origin(f.Key) + ")", Err: err}
}

// origin is where a setting's value came from.
func (l *loading) origin(key string) string {
	if from := l.from[key]; from != "" {
		return from
	}
	for path, from := range l.from { // of a list or a structure, its first part's
		if rest, ok := strings.CutPrefix(path, key); ok && (rest[0] == '[' || rest[0] == '.') {
			return from[:strings.LastIndexByte(from, ':')]
		}
	}
	return "default"
}

func (l *loading) values() []ProgramValue {
	values := make([]ProgramValue, len(l.fields))
	for i, f := range l.fields {
		values[i] = ProgramValue{Key: f.Key, Value: formatValue(f.value), From: l.origin(f.Key)}
	}
	return values
}
