package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/yaml"
	"fnregistry.dev/functions/internal/bounded"
)

// loading holds the settings while they are read.
type loading struct {
	program  string
	hint     string // what helps with a mistake on the command line
	lookup   func(string) (string, bool)
	secret   func(context.Context, string) (string, error)
	maxBytes int64

	config reflect.Value
	fields []*field
	flags  map[string]*field // by name, without dashes; nil: --config
	from   map[string]string // by the setting's name
	parts  map[string]spot   // where a list or a structure begins in the file
	file   string
	rest   []string // the arguments
	dash   int      // how many of them precede --; -1: there is no --
}

// spot is a position in the file.
type spot struct{ line, column int }

func (s spot) compare(other spot) int {
	return cmp.Or(cmp.Compare(s.line, other.line), cmp.Compare(s.column, other.column))
}

// load fills the struct that config points to.
func (l *loading) load(ctx context.Context, config any, args []string) error {
	if err := l.prepare(config); err != nil {
		return err
	}
	if err := l.parse(args); err != nil {
		return err
	}
	if err := l.read(); err != nil {
		return err
	}
	return l.finish(ctx)
}

// prepare lists the settings.
func (l *loading) prepare(config any) (err error) {
	l.config, l.from, l.parts = reflect.ValueOf(config).Elem(), map[string]string{}, map[string]spot{}
	if l.program == "" || l.config.Kind() != reflect.Struct {
		return &core.Error{Code: core.CodeInternal, Message: "it needs a program's name and a struct"}
	}
	if l.fields, err = settingsOf(l.program, l.config); err != nil {
		return &core.Error{Code: core.CodeInternal, Err: err}
	}
	for _, f := range l.fields {
		if secret, ok := f.value.Addr().Interface().(*ProgramSecret); ok {
			secret.stores = l.secret != nil
		}
	}
	return nil
}

// read sets the values from file, environment and flags.
func (l *loading) read() error {
	if err := l.readFile(); err != nil {
		return err
	}
	for _, f := range l.fields {
		if err := l.readEnv(f); err != nil {
			return err
		}
	}
	return l.setFlags()
}

// check validates all values against their enums and bounds, and reports each
// violation.
func (l *loading) check() error {
	var found []error
	for _, f := range l.fields {
		if err := f.check(); err != nil {
			found = append(found, l.invalid(f, err))
		}
	}
	if found == nil {
		return nil
	}
	return &core.Error{Code: core.CodeInvalid, Err: errors.Join(found...)}
}

// finish checks all values and fetches the secrets.
func (l *loading) finish(ctx context.Context) error {
	if err := l.check(); err != nil {
		return err
	}
	for _, f := range l.fields {
		if err := l.resolve(ctx, f); err != nil {
			return err
		}
	}
	if own, ok := l.config.Addr().Interface().(interface{ Validate() error }); ok {
		if err := own.Validate(); err != nil {
			invalid := &core.Error{Code: core.CodeInvalid, Err: err}
			if !hasSettings(l.fields) { // so it is about flags
				invalid.Hint = cmp.Or(core.ErrorHint(err), l.hint)
			}
			return invalid
		}
	}
	return nil
}

// hasSettings reports whether one of the fields can be set in a file.
func hasSettings(fields []*field) bool {
	return slices.ContainsFunc(fields, func(f *field) bool { return f.Key != "" })
}

// flagNames returns the field's flags, without dashes; none if it can only be
// set in the file.
func (f *ProgramField) flagNames() []string {
	var names []string
	if f.Flag != "" {
		names = append(names, strings.TrimPrefix(f.FlagName(), "--"))
	}
	if f.Short != "" {
		names = append(names, f.Short)
	}
	return names
}

// isBool reports whether the flag without a value means true.
func (f *ProgramField) isBool() bool { return f.Type == "yes or no" }

// builtinFlags are the flags of every program.
var builtinFlags = []string{"config", "help", "h", "version"}

// flagsOf maps flags to their fields, and --config to nil if there are
// settings.
func flagsOf(fields []*field) (map[string]*field, error) {
	flags := map[string]*field{}
	if hasSettings(fields) {
		flags["config"] = nil
	}
	for _, f := range fields {
		for _, name := range f.flagNames() {
			if slices.Contains(builtinFlags, name) {
				return nil, fmt.Errorf("%s can't be a flag of its own: every program has %s", f.name(), dashed(name))
			}
			if _, twice := flags[name]; twice {
				return nil, fmt.Errorf("there are two flags %s", dashed(name))
			}
			flags[name] = f
		}
	}
	return flags, nil
}

// cutFlag splits an argument into a flag's name and its value. A single "-" is
// not a flag.
func cutFlag(arg string) (name, value string, hasValue, ok bool) {
	if len(arg) < 2 || arg[0] != '-' {
		return "", "", false, false
	}
	name, value, hasValue = strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	return name, value, hasValue, true
}

// parse parses the command line. So far it sets only the file's name.
func (l *loading) parse(args []string) (err error) {
	if l.flags, err = flagsOf(l.fields); err != nil {
		return &core.Error{Code: core.CodeInternal, Err: err}
	}
	if _, ok := l.flags["config"]; ok {
		l.file, _ = l.lookup(envName(l.program) + "_CONFIG")
	}
	l.rest, l.dash = nil, -1
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "--" {
			l.dash = len(l.rest)
			l.rest = append(l.rest, args...)
			return nil
		}
		name, text, hasText, isFlag := cutFlag(arg)
		f, known := l.flags[name]
		switch {
		case !isFlag:
			l.rest = append(l.rest, arg)
			continue
		case name == "help" || name == "h":
			return ErrProgramHelp
		case !known:
			return l.misused(unknownFlag(name, l.flags))
		case hasText:
		case f != nil && f.isBool():
			text = "true"
		case len(args) == 0:
			return l.misused(dashed(name) + " needs a value")
		default:
			text, args = args[0], args[1:]
		}
		if f == nil {
			l.file = text
			continue
		}
		f.texts = append(f.texts, text)
	}
	return nil
}

// misused is the error for a mistake on the command line.
func (l *loading) misused(message string) error {
	return &core.Error{Code: core.CodeInvalid, Message: message, Hint: l.hint}
}

func unknownFlag(name string, flags map[string]*field) string {
	message := "unknown flag: " + dashed(name)
	known := slices.AppendSeq([]string{"help", "version"}, maps.Keys(flags))
	slices.Sort(known)
	near := core.NameNearest(name, known)
	if flags[name+"-file"] != nil {
		near = []string{name + "-file"} // a secret's flag
	}
	if near != nil && len(near[0]) > 1 {
		message += "; " + core.DidYouMean(dashed(near[0]))
	}
	return message
}

// dashed returns a flag as help shows it.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func (l *loading) setFlags() error {
	for _, f := range l.fields {
		if len(f.texts) == 0 {
			continue
		}
		text := f.texts[len(f.texts)-1]
		if slices.Contains(f.texts, "") && !f.isBool() {
			return l.misused(f.FlagName() + " is empty; omit it, or give it a value")
		}
		l.from[f.name()] = fromFlag + f.FlagName()
		switch f.Type {
		case "secret":
			f.value.Set(reflect.ValueOf(ProgramSecret{from: secretPlace{File: text}}))
			continue
		case "list":
			text = strings.Join(f.texts, ",")
		}
		texts := []string{text}
		if f.Type == "text" && f.value.Kind() == reflect.Slice { // its UnmarshalText appends
			texts = f.texts
		}
		for _, text := range texts {
			if err := setText(f.value, text); err != nil {
				return l.invalid(f, err)
			}
		}
	}
	return nil
}

func (l *loading) readFile() error {
	if l.file == "" {
		return nil
	}
	text, err := bounded.ReadFile(l.file, cmp.Or(l.maxBytes, 16<<20))
	if err != nil {
		return err
	}
	err = yaml.YAMLDecode(text, l.config.Addr().Interface(), yaml.YAMLDecodeConfig{
		Name: l.file,
		OnValue: func(path string, line, column int) {
			l.from[path] = fmt.Sprintf("%s:%d:%d", l.file, line, column)
			l.notePart(path, spot{line, column})
		},
	})
	if err != nil { // only the positions, at the start of lines, where editors look for them
		return &core.Error{Code: core.ErrorCode(err), Err: errors.Join(errors.Unwrap(err), l.check())}
	}
	return nil
}

// notePart records where the lists and structures around a value begin.
func (l *loading) notePart(path string, at spot) {
	for i := range path {
		if path[i] != '[' && path[i] != '.' {
			continue
		}
		if first, known := l.parts[path[:i]]; !known || at.compare(first) < 0 {
			l.parts[path[:i]] = at
		}
	}
}

func (l *loading) readEnv(f *field) error {
	if f.Env == "" {
		return nil
	}
	if f.Type == "secret" {
		return l.readSecretEnv(f)
	}
	if text, ok := l.lookup(f.Env); ok && text != "" {
		l.from[f.name()] = "environment " + f.Env
		if err := setText(f.value, text); err != nil {
			return l.invalid(f, err)
		}
	}
	return nil
}

// readSecretEnv reads a secret, or the name of its file. An empty variable is
// refused: it comes from a deployment whose secret is missing, and a program
// that continued without one might let anyone in.
func (l *loading) readSecretEnv(f *field) error {
	for _, env := range []string{f.Env, f.Env + "_FILE"} {
		text, ok := l.lookup(env)
		if !ok {
			continue
		}
		l.from[f.name()] = "environment " + env
		if text == "" {
			return l.invalid(f, errors.New("it is empty; unset it, or set it to the secret"))
		}
		secret := ProgramSecret{text: text}
		if env != f.Env {
			secret = ProgramSecret{from: secretPlace{File: text}}
		}
		f.value.Set(reflect.ValueOf(secret))
		return nil
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
			return &core.Error{Op: f.name(), Err: err}
		}
		secret.text = strings.TrimRight(string(text), "\r\n")
	case place.Env != "":
		secret.text, _ = l.lookup(place.Env)
	case l.secret == nil:
		return l.invalid(f, errors.New("this program has no token store; write {file: PATH} or {env: NAME}"))
	default:
		text, err := l.secret(ctx, place.Store)
		if err != nil {
			return &core.Error{Op: f.name(), Err: err}
		}
		secret.text = text
	}
	if secret.text == "" {
		return l.invalid(f, errors.New("the secret that it names is empty or not set"))
	}
	f.value.Set(reflect.ValueOf(secret))
	return nil
}

// fromFlag begins the origin of what the command line sets.
const fromFlag = "flag "

// invalid says which setting is wrong and where its value came from. What the
// command line can be helps nobody who made a mistake elsewhere.
func (l *loading) invalid(f *field, err error) error {
	invalid := &core.Error{Code: core.CodeInvalid, Message: l.place(f), Err: err}
	if strings.HasPrefix(l.from[f.name()], fromFlag) {
		invalid.Hint = l.hint
	}
	return invalid
}

// place returns a setting's name and, unless it is an option, where its value
// came from.
func (l *loading) place(f *field) string {
	if f.Key == "" {
		return f.FlagName()
	}
	return f.Key + " (" + l.origin(f.Key) + ")"
}

// origin returns where a setting's value came from.
func (l *loading) origin(key string) string {
	if from := l.from[key]; from != "" {
		return from
	}
	if at, ok := l.parts[key]; ok {
		return fmt.Sprintf("%s:%d", l.file, at.line)
	}
	return "default"
}

func (l *loading) values() []ProgramValue {
	var values []ProgramValue
	for _, f := range l.fields {
		if f.Key != "" {
			values = append(values, ProgramValue{Key: f.Key, Value: formatValue(f.value), From: l.origin(f.Key)})
		}
	}
	return values
}

// redact removes the secrets from a text. Secrets of less than four bytes stay:
// they would match parts of words.
func (l *loading) redact(text string) string {
	for _, f := range l.fields {
		if secret, ok := f.value.Interface().(ProgramSecret); ok && len(secret.text) >= 4 {
			text = strings.ReplaceAll(text, secret.text, shown)
		}
	}
	return text
}
