package program

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"fnregistry.dev/functions/core"
)

// ProgramField describes one setting.
type ProgramField struct {
	Key     string   // in the file: "http.addr"; empty: an option, for one call only
	Flag    string   // "http-addr"; empty: it can only be set in the file
	Short   string   // the one-letter form of the flag, or empty
	Env     string   // "APP_HTTP_ADDR"; empty: it can't be set there
	Type    string   // text, number, duration, yes or no, list, secret, or structure
	Doc     string   // what it is for
	Default string   // as it is written; empty: none
	Enum    []string // the allowed values; nil: any
	Min     string   // the least value; empty: any
	Max     string   // the largest value; empty: any
}

// field is a setting and the location of its value.
type field struct {
	ProgramField
	value reflect.Value
	texts []string // its values on the command line
}

// isLeaf reports whether a value is set from a single text.
func isLeaf(v reflect.Value) bool {
	if _, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return true
	}
	switch v.Interface().(type) {
	case time.Duration, ProgramSecret, []string:
		return true
	}
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// settingsOf lists the settings of a program's struct, in order. An error means
// a bug in the program.
func settingsOf(program string, config reflect.Value) ([]*field, error) {
	fields, err := fieldsOf(program, config, "")
	if err != nil {
		return nil, err
	}
	if _, err := flagsOf(fields); err != nil {
		return nil, err
	}
	return fields, nil
}

// fieldsOf lists the settings of a struct in order, with those of inner structs
// under their key.
func fieldsOf(program string, config reflect.Value, prefix string) ([]*field, error) {
	var all []*field
	for i := range config.NumField() {
		f, v := config.Type().Field(i), config.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		option := f.Tag.Get("flag")
		switch {
		case name == "-" && option == "" || !f.IsExported() && !f.Anonymous:
			continue
		case option != "" && (name != "-" || !isLeaf(v)):
			return nil, fmt.Errorf("option --%s needs the tag yaml:\"-\" and a type that a text can set", option)
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			inner, err := fieldsOf(program, v, prefix)
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
			continue
		case option == "" && (name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != ""):
			return nil, fmt.Errorf("field %s has no tag yaml of a to z, digits and _", f.Name)
		}
		if err := checkFlagTags(option, f.Tag.Get("short")); err != nil {
			return nil, err
		}
		one := &field{value: v, ProgramField: ProgramField{
			Key: prefix + name, Flag: option, Short: f.Tag.Get("short"),
			Doc: f.Tag.Get("doc"), Min: f.Tag.Get("min"), Max: f.Tag.Get("max"),
		}}
		if option != "" {
			one.Key = ""
		}
		if f.Tag.Get("enum") != "" {
			one.Enum = strings.Split(f.Tag.Get("enum"), ",")
		}
		if !isLeaf(v) && v.Kind() == reflect.Struct {
			inner, err := fieldsOf(program, v, one.Key+".")
			if err != nil {
				return nil, err
			}
			all = append(all, inner...)
			continue
		}
		if one.Doc == "" {
			return nil, fmt.Errorf("setting %s has no tag doc", one.name())
		}
		one.describe(program)
		if len(one.Flag) == 1 {
			return nil, fmt.Errorf("setting %s would have the flag -%s: give it a longer name", one.Key, one.Flag)
		}
		all = append(all, one)
	}
	return all, nil
}

// checkFlagTags checks the names that tags give a flag.
func checkFlagTags(long, short string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	switch {
	case len(long) == 1:
		return fmt.Errorf("option -%s: a flag of one letter is the tag short, besides a longer one", long)
	case strings.Trim(long, letters+"-") != "" || strings.HasPrefix(long, "-"):
		return fmt.Errorf("flag %q is not of a to z, digits and -", long)
	case len(short) > 1 || strings.Trim(strings.ToLower(short), letters) != "":
		return fmt.Errorf("short %q is not one letter or digit", short)
	}
	return nil
}

// name is what messages call the setting: its key, or an option's flag.
func (f *ProgramField) name() string {
	if f.Key == "" {
		return f.FlagName()
	}
	return f.Key
}

// describe fills in what follows from the type and the default.
func (f *field) describe(program string) {
	f.Type = typeName(f.value)
	if f.Type == "structure" {
		return
	}
	f.Default = formatValue(f.value)
	if f.Key == "" {
		return
	}
	f.Flag = strings.NewReplacer(".", "-", "_", "-").Replace(f.Key)
	f.Env = envName(program) + "_" + envName(f.Key)
}

func envName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '.' || r == '-' {
			return '_'
		}
		return unicode.ToUpper(r)
	}, s)
}

func typeName(v reflect.Value) string {
	switch v.Addr().Interface().(type) {
	case *time.Duration:
		return "duration"
	case *ProgramSecret:
		return "secret"
	case *[]string:
		return "list"
	case encoding.TextUnmarshaler:
		return "text"
	}
	switch {
	case !isLeaf(v):
		return "structure"
	case v.Kind() == reflect.Bool:
		return "yes or no"
	case v.CanInt() || v.CanUint() || v.CanFloat():
		return "number"
	}
	return "text"
}

// setText sets a value from the environment or a flag.
func setText(v reflect.Value, text string) error {
	if own, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return own.UnmarshalText([]byte(text))
	}
	var err error
	switch into := v.Addr().Interface().(type) {
	case *[]string:
		*into = splitList(text)
		return nil
	case *time.Duration:
		if *into, err = time.ParseDuration(text); err != nil {
			return fmt.Errorf("%.60q is not a duration such as 1m30s", text)
		}
		return nil
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		b, ok := parseBool(text)
		if !ok {
			return fmt.Errorf("%.60q is not true or false", text)
		}
		v.SetBool(b)
	case v.CanInt():
		var n int64
		if n, err = strconv.ParseInt(text, 10, v.Type().Bits()); err == nil {
			v.SetInt(n)
		} else {
			err = fmt.Errorf("%.60q is not a whole number in range", text)
		}
	case v.CanUint():
		var n uint64
		if n, err = strconv.ParseUint(text, 10, v.Type().Bits()); err == nil {
			v.SetUint(n)
		} else {
			err = fmt.Errorf("%.60q is not a whole number in range, from 0", text)
		}
	default:
		var n float64
		if n, err = strconv.ParseFloat(text, v.Type().Bits()); err == nil {
			v.SetFloat(n)
		} else {
			err = fmt.Errorf("%.60q is not a number", text)
		}
	}
	return err
}

// parseBool takes what a bool may be in a YAML file, so that a value can move
// from there to the environment, and what package flag takes.
func parseBool(text string) (value, ok bool) {
	switch text {
	case "y", "Y", "yes", "on":
		return true, true
	case "n", "N", "no", "off":
		return false, true
	}
	value, err := strconv.ParseBool(text)
	return value, err == nil
}

// splitList splits at commas; spaces around them don't count.
func splitList(text string) []string {
	var list []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// formatValue formats a value as it would be set; empty for the zero value of a
// text, a list and a secret.
func formatValue(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case []string:
		return strings.Join(value, ",")
	case encoding.TextMarshaler:
		text, err := value.MarshalText()
		if err != nil {
			return ""
		}
		return string(text)
	case fmt.Stringer:
		return value.String()
	}
	if !isLeaf(v) || v.Kind() == reflect.Slice && v.Len() == 0 {
		return ""
	}
	return fmt.Sprint(v.Interface())
}

// check validates the value against the field's enum and bounds.
func (f *field) check() error {
	text := formatValue(f.value)
	if f.value.CanFloat() && math.IsNaN(f.value.Float()) {
		return errors.New("it is not a number")
	}
	if f.Enum != nil {
		words := []string{text}
		if f.Type == "list" {
			words = splitList(text)
		}
		for _, word := range words {
			if word != "" && !slices.Contains(f.Enum, word) {
				return notOneOf(word, f.Enum)
			}
		}
		return nil
	}
	for _, bound := range []struct {
		text string
		bad  func(cmp int) bool
		what string
	}{{f.Min, func(c int) bool { return c < 0 }, "less"}, {f.Max, func(c int) bool { return c > 0 }, "more"}} {
		if bound.text == "" {
			continue
		}
		limit := reflect.New(f.value.Type()).Elem()
		if err := setText(limit, bound.text); err != nil {
			return fmt.Errorf("the bound %q of the program itself: %w", bound.text, err)
		}
		if bound.bad(compare(f.value, limit)) {
			return fmt.Errorf("%s is %s than %s", text, bound.what, bound.text)
		}
	}
	return nil
}

// notOneOf lists the allowed words, and suggests the one that may have been
// meant.
func notOneOf(word string, known []string) error {
	message := fmt.Sprintf("%.60q is not one of %s", word, strings.Join(known, ", "))
	if near := core.NameNearest(word, known); near != nil {
		message += "; " + core.DidYouMean(near[0])
	}
	return errors.New(message)
}

func compare(a, b reflect.Value) int {
	switch {
	case a.CanInt():
		return cmp.Compare(a.Int(), b.Int())
	case a.CanUint():
		return cmp.Compare(a.Uint(), b.Uint())
	case a.CanFloat():
		return cmp.Compare(a.Float(), b.Float())
	}
	return 0
}
