package program

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
)

// ProgramDescription is what can be said of a program's settings without reading
// them.
type ProgramDescription struct {
	Program string
	Fields  []ProgramField

	config reflect.Type
}

// ProgramDescribe lists the settings of a program from the struct that
// [ProgramConfig] fills. The error is a *core.Error with CodeInternal for a
// struct with a field that has no name or no doc: a defect of the program, which
// a test of it should show.
//
// More in program_describe.md:
//   - Bounds of durations are in the texts, not in the schema, which knows them
//     only as text.
//   - Settings that can be in the file alone (maps, lists of structs) have no
//     schema of their own.
func ProgramDescribe[T any](program string, defaults T) (ProgramDescription, error) {
	fields, err := fieldsOf(program, reflect.ValueOf(&defaults).Elem(), "")
	if err != nil {
		return ProgramDescription{}, &core.Error{Code: core.CodeInternal, Op: "program_describe", Err: err}
	}
	d := ProgramDescription{Program: program, config: reflect.TypeFor[T]()}
	for _, f := range fields {
		d.Fields = append(d.Fields, f.ProgramField)
	}
	return d, nil
}

// FlagName is the flag on the command line: that of a secret names a file.
func (f ProgramField) FlagName() string {
	if f.Flag == "" {
		return ""
	}
	if f.Type == "secret" {
		return "-" + f.Flag + "-file"
	}
	return "-" + f.Flag
}

// note is the field's default and what it may be, in words.
func (f ProgramField) note() string {
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
	if f.Default != "" {
		parts = append(parts, "default "+f.Default)
	}
	return strings.Join(parts, "; ")
}

// Usage lists the flags for -help, each with what it is for, its default and its
// variable.
func (d ProgramDescription) Usage() string {
	var b strings.Builder
	line := func(name, doc, note, env string) {
		fmt.Fprintf(&b, "  %s\n        %s", name, doc)
		if note != "" {
			fmt.Fprintf(&b, " (%s)", note)
		}
		fmt.Fprintf(&b, " [%s]\n", env)
	}
	line("-config FILE", "YAML file with settings", "", envName(d.Program)+"_CONFIG")
	for _, f := range d.Fields {
		switch f.Type {
		case "structure":
		case "secret":
			line(f.FlagName()+" FILE", f.Doc+"; the file holds the secret", f.note(), f.Env+" or "+f.Env+"_FILE")
		case "yes or no":
			line(f.FlagName(), f.Doc, f.note(), f.Env)
		default:
			line(f.FlagName()+" "+strings.ToUpper(f.Type), f.Doc, f.note(), f.Env)
		}
	}
	return b.String()
}

// Markdown is a table of the settings for a page of documentation.
func (d ProgramDescription) Markdown() string {
	var b strings.Builder
	b.WriteString("| setting | what it is for | default | flag | environment |\n|---|---|---|---|---|\n")
	cell := func(text string) string {
		return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
	}
	code := func(text string) string {
		if text == "" {
			return ""
		}
		return "`" + cell(text) + "`"
	}
	for _, f := range d.Fields {
		limits := f
		limits.Default = ""
		doc := cell(f.Doc)
		if note := limits.note(); note != "" {
			doc += " (" + cell(note) + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(f.Key), doc, code(f.Default), code(f.FlagName()), code(f.Env))
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

// object is the schema of a struct whose keys stand behind prefix.
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
	for _, f := range d.Fields {
		if f.Key == key {
			return f.schema(t)
		}
	}
	return d.object(t, key+".")
}

func (f ProgramField) schema(t reflect.Type) object {
	schema := object{"description": f.Doc}
	switch {
	case f.Type == "secret":
		place := object{"type": "string"}
		schema["type"], schema["additionalProperties"] = "object", false
		schema["properties"] = object{"file": place, "env": place, "store": place}
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
	if f.Enum != nil {
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
