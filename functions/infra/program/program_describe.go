package program

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// ProgramDescription is what can be said of a program's settings without
// reading them.
type ProgramDescription struct {
	Program string
	Fields  []ProgramField
	// Stores says that the program has a token store, so that its file may
	// say {store: NAME} of a secret. ProgramDescribe can't know: set it.
	Stores bool

	config reflect.Type
}

// ProgramDescribe lists the settings of a program from the struct that
// [ProgramConfig] fills, or a pointer to it as [ProgramCommandConfig] has; nil
// stands for a struct without defaults. defaults is not changed. The error is a
// *core.Error with CodeInternal for a struct with a field that has no name or
// no doc: a defect of the program, which a test of it should show.
//
// More in program_describe.md:
//   - Bounds of durations are in the texts, not in the schema, where durations
//     are strings.
//   - Settings that can only be in the file (maps, lists of structs) have no
//     schema.
func ProgramDescribe[T any](program string, defaults T) (ProgramDescription, error) {
	failed := func(err error) (ProgramDescription, error) {
		return ProgramDescription{}, &core.Error{Code: core.CodeInternal, Op: "program_describe", Err: err}
	}
	value := reflect.ValueOf(&defaults) // a pointer to the struct
	if value.Elem().Kind() == reflect.Pointer {
		value = value.Elem()
	}
	if value.Type().Elem().Kind() != reflect.Struct {
		return failed(fmt.Errorf("%T is neither a struct nor a pointer to one", defaults))
	}
	settings := newSettings(value)
	fields, err := settingsOf(program, settings.Elem())
	if err != nil {
		return failed(err)
	}
	return describe(program, settings.Type().Elem(), fields), nil
}

func describe(program string, config reflect.Type, fields []*field) ProgramDescription {
	d := ProgramDescription{Program: program, config: config}
	for _, f := range fields {
		d.Fields = append(d.Fields, f.ProgramField)
	}
	return d
}

// FlagName is the flag on the command line: that of a secret names a file.
func (f ProgramField) FlagName() string {
	if f.Flag == "" {
		return ""
	}
	if f.Type == "secret" {
		return dashed(f.Flag + "-file")
	}
	return dashed(f.Flag)
}

// note describes the field's default and limits in words.
func (f *ProgramField) note() string {
	note := f.limits()
	if f.Default == "" || f.Default == "false" {
		return note
	}
	if note != "" {
		note += "; "
	}
	return note + "default " + f.Default
}

// limits describes the allowed values of the field in words.
func (f *ProgramField) limits() string {
	var parts []string
	if f.Enum != nil {
		parts = append(parts, "one of "+strings.Join(f.Enum, ", "))
	}
	switch {
	case f.Min != "" && f.Max != "":
		parts = append(parts, f.Min+" to "+f.Max)
	case f.Min != "":
		parts = append(parts, f.Min+" or more")
	case f.Max != "":
		parts = append(parts, f.Max+" or less")
	}
	return strings.Join(parts, "; ")
}

// usage returns the field's flag with a name for its value, and what it is for.
// The name is the text in backquotes in the doc, as in package flag.
func (f *ProgramField) usage() (flag, doc string) {
	value := strings.ToUpper(f.Type)
	doc = f.Doc
	if parts := strings.SplitN(doc, "`", 3); len(parts) == 3 {
		value, doc = parts[1], parts[0]+parts[1]+parts[2]
	}
	flag = f.FlagName()
	if f.Short != "" {
		flag = dashed(f.Short) + ", " + flag
	}
	switch f.Type {
	case "yes or no":
	case "secret":
		flag, doc = flag+" FILE", doc+"; the file holds the secret"
	default:
		flag += " " + value
	}
	return flag, doc
}

// Usage lists the flags for --help, each with what it is for, its default and
// its variable, in lines of 80 columns.
func (d ProgramDescription) Usage() string { return d.usage(defaultWidth) }

func (d ProgramDescription) usage(width int) string {
	var b strings.Builder
	line := func(flag, doc, note, env string) {
		if note != "" {
			doc += " (" + note + ")"
		}
		if env != "" {
			doc += " [" + env + "]"
		}
		fmt.Fprintf(&b, "  %s\n        %s\n", flag, wrap(doc, 8, width))
	}
	if d.hasSettings() {
		line("--config FILE", "YAML file with settings", "", envName(d.Program)+"_CONFIG")
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		if f.Flag == "" {
			continue
		}
		flag, doc := f.usage()
		env := f.Env
		if f.Type == "secret" && env != "" {
			env += " or " + env + "_FILE"
		}
		line(flag, doc, f.note(), env)
	}
	return b.String()
}

func (d ProgramDescription) hasSettings() bool {
	for i := range d.Fields {
		if d.Fields[i].Key != "" {
			return true
		}
	}
	return false
}

// Markdown is a table of the settings and options for a page of documentation.
func (d ProgramDescription) Markdown() string {
	var b strings.Builder
	cell := func(text string) string {
		return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
	}
	code := func(text string) string {
		if text == "" {
			return ""
		}
		return "`" + cell(text) + "`"
	}
	settings := d.hasSettings()
	if settings {
		b.WriteString("| setting | what it is for | default | flag | environment |\n|---|---|---|---|---|\n")
	} else {
		b.WriteString("| flag | what it is for | default |\n|---|---|---|\n")
	}
	for i := range d.Fields {
		f := &d.Fields[i]
		doc := cell(f.Doc)
		if note := f.limits(); note != "" {
			doc += " (" + cell(note) + ")"
		}
		if settings {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(f.Key), doc, code(f.Default), code(f.FlagName()), code(f.Env))
		} else {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", code(f.FlagName()), doc, code(f.Default))
		}
	}
	return b.String()
}

// JSONSchema is a JSON Schema (2020-12) of the file, by which editors complete
// and check it.
func (d ProgramDescription) JSONSchema() []byte {
	schema := d.object(d.config, "")
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "settings of " + d.Program
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		panic(err) // texts, numbers, lists and maps
	}
	return append(text, '\n')
}

type object = map[string]any

// object returns the schema of a struct whose keys are below prefix.
func (d ProgramDescription) object(t reflect.Type, prefix string) object {
	properties := object{}
	d.properties(t, prefix, properties)
	return object{"type": "object", "additionalProperties": false, "properties": properties}
}

func (d ProgramDescription) properties(t reflect.Type, prefix string, into object) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			d.properties(f.Type, prefix, into)
		default:
			into[name] = d.property(f.Type, prefix+name)
		}
	}
}

func (d ProgramDescription) property(t reflect.Type, key string) object {
	for i := range d.Fields {
		if f := &d.Fields[i]; f.Key == key {
			return f.schema(t, d.Stores)
		}
	}
	return d.object(t, key+".")
}

func (f *ProgramField) schema(t reflect.Type, stores bool) object {
	schema := object{"description": strings.ReplaceAll(f.Doc, "`", "")}
	switch {
	case f.Type == "secret":
		place := object{"type": "string"}
		places := object{"file": place, "env": place}
		if stores {
			places["store"] = place
		}
		schema["type"], schema["additionalProperties"] = "object", false
		schema["properties"] = places
		schema["minProperties"], schema["maxProperties"] = 1, 1
	case f.Type == "list":
		schema["type"], schema["items"] = "array", object{"type": "string"}
	case f.Type == "yes or no":
		schema["type"] = "boolean"
	case f.Type == "number" && (t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64):
		schema["type"] = "number"
	case f.Type == "number":
		schema["type"] = "integer"
	case f.Type != "structure":
		schema["type"] = "string"
	}
	switch {
	case f.Enum == nil:
	case f.Type == "list":
		schema["items"] = object{"type": "string", "enum": f.Enum}
	default:
		schema["enum"] = f.Enum
	}
	if t != reflect.TypeFor[time.Duration]() {
		for name, bound := range map[string]string{"minimum": f.Min, "maximum": f.Max} {
			if bound != "" {
				schema[name] = json.Number(bound)
			}
		}
	}
	return schema
}
