package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A goType is a type that generated functions take or return.
type goType struct {
	text string
	// For parameters; none is the name of a package that generated code
	// imports.
	names   []string
	imports string // the standard package of its text, if any
	literal func(r *rand.Rand) (code, imports string)
	zero    string // as a result next to an error
	guard   string // condition for an invalid parameter %s of this type; "" if none is invalid
	bad     string // an argument for which guard holds
	fold    string // statements that use a value %s, adding to sum and joined
	desc    string // of a parameter, %s is a noun
	impure  bool
	param   bool // can be a parameter
	result  bool // can be a result
}

func fixed(code, imports string) func(*rand.Rand) (string, string) {
	return func(*rand.Rand) (string, string) { return code, imports }
}

func number(low, high int) func(*rand.Rand) (string, string) {
	return func(r *rand.Rand) (string, string) { return fmt.Sprint(low + r.IntN(high-low)), "" }
}

func quoted(r *rand.Rand) string { return fmt.Sprintf("%q", noun(r)+" "+noun(r)) }

// The types, the frequent ones first.
var types = []goType{
	{text: "string", names: []string{"text", "name", "key", "line", "label", "prefix"}, literal: func(r *rand.Rand) (string, string) { return quoted(r), "" },
		zero: `""`, guard: `%s == ""`, bad: `""`, fold: "joined += %s\n", desc: "The %s as text. Empty is an error.", param: true, result: true},
	{text: "int", names: []string{"limit", "size", "width", "depth", "offset"}, literal: number(1, 40),
		zero: "0", guard: "%s < 0", bad: "-1", fold: "sum += %s\n", desc: "How many %s at most. Negative is an error.", param: true, result: true},
	{text: "[]string", names: []string{"parts", "lines", "keys", "rows"}, literal: func(r *rand.Rand) (string, string) { return "[]string{" + quoted(r) + ", " + quoted(r) + "}", "" },
		zero: "nil", guard: "len(%s) == 0", bad: "nil", fold: "joined += strings.Join(%s, \",\")\n", desc: "One %s each. None is an error.", param: true, result: true},
	{text: "bool", names: []string{"reverse", "verbose", "exactly"}, literal: fixed("true", ""),
		zero: "false", fold: "if %s {\n\tsum++\n}\n", desc: "Whether every %s counts.", param: true, result: true},
	{text: "time.Duration", names: []string{"timeout", "interval", "pause"}, imports: "time", literal: fixed("time.Minute", "time"),
		zero: "0", guard: "%s < 0", bad: "-1", fold: "sum += int(%s / time.Second)\n", desc: "Time between one %s and the next. Negative is an error.", param: true, result: true},
	{text: "[]byte", names: []string{"data", "raw", "payload"}, literal: func(r *rand.Rand) (string, string) { return "[]byte(" + quoted(r) + ")", "" },
		zero: "nil", guard: "len(%s) == 0", bad: "nil", fold: "joined += string(%s)\n", desc: "The %s as it was received. Empty is an error.", param: true, result: true},
	{text: "map[string]int", names: []string{"counts", "scores"}, literal: func(r *rand.Rand) (string, string) { return "map[string]int{" + quoted(r) + ": 3}", "" },
		zero: "nil", fold: "for _, each := range %s {\n\tsum += each\n}\n", desc: "A number for each %s. May be nil.", param: true, result: true},
	{text: "float64", names: []string{"ratio", "weight", "rate"}, literal: fixed("0.5", ""),
		zero: "0", guard: "%s < 0", bad: "-0.5", fold: "sum += int(%s * 10)\n", desc: "Share of the %s, from 0 to 1. Negative is an error.", param: true, result: true},
	{text: "int64", names: []string{"total", "serial", "position"}, literal: number(1, 900),
		zero: "0", guard: "%s < 0", bad: "-1", fold: "sum += int(%s)\n", desc: "Number of the %s. Negative is an error.", param: true, result: true},
	{text: "time.Time", names: []string{"now", "since", "until"}, imports: "time", literal: fixed("time.Unix(1700000000, 0)", "time"),
		zero: "time.Time{}", guard: "%s.IsZero()", bad: "time.Time{}", fold: "sum += %s.Nanosecond()\n", desc: "When the %s was made. Zero is an error.", param: true, result: true},
	{text: "map[string]string", names: []string{"labels", "attributes"}, literal: func(r *rand.Rand) (string, string) {
		return "map[string]string{" + quoted(r) + ": " + quoted(r) + "}", ""
	},
		zero: "nil", fold: "sum += len(%s)\n", desc: "Labels of the %s. May be nil.", param: true, result: true},
	{text: "[]int", names: []string{"sizes", "marks"}, literal: fixed("[]int{3, 1, 2}", ""),
		zero: "nil", guard: "len(%s) == 0", bad: "nil", fold: "for _, each := range %s {\n\tsum += each\n}\n", desc: "One number for each %s. None is an error.", param: true, result: true},
	{text: "rune", names: []string{"separator"}, literal: fixed("';'", ""),
		zero: "0", fold: "joined += string(%s)\n", desc: "What stands between one %s and the next.", param: true, result: true},
	{text: "func(string) bool", names: []string{"keep", "accept"}, literal: fixed(`func(s string) bool { return s != "" }`, ""),
		fold: "if %s(joined) {\n\tsum++\n}\n", desc: "Says whether a %s stays.", param: true},
	{text: "io.Reader", names: []string{"input"}, imports: "io", literal: func(r *rand.Rand) (string, string) { return "strings.NewReader(" + quoted(r) + ")", "strings" },
		fold: "", desc: "Where the %s is read from, to its end. Not closed.", impure: true, param: true},
	{text: "io.Writer", names: []string{"output"}, imports: "io", literal: fixed("io.Discard", "io"),
		fold: "", desc: "Where the %s is written to. Not closed.", impure: true, param: true},
}

var (
	typeIndex = map[string]int8{}
	typeZipf  = newZipf(len(types))
)

func init() {
	for i, t := range types {
		typeIndex[t.text] = int8(i)
	}
}

// drawType draws a type that ok accepts.
func drawType(r *rand.Rand, ok func(goType) bool) int8 {
	for {
		if i := typeZipf.draw(r); ok(types[i]) {
			return int8(i)
		}
	}
}

// configField is a field that config structs may have.
type configField struct {
	name, typ, value, doc string
	guarded               bool // negative is an error
}

var configFields = []configField{
	{"Limit", "int", "5", "how many at most; default 100", true},
	{"Name", "string", `"main"`, "shown in messages; default the topic's", false},
	{"Timeout", "time.Duration", "time.Second", "for one attempt; default 30 s", false},
	{"Strict", "bool", "true", "refuse what can be guessed; default false", false},
	{"Retries", "int", "2", "attempts after the first; default none", true},
	{"Prefix", "string", `"x-"`, "stands before each key; default none", false},
	{"MaxBytes", "int64", "4096", "largest input; default 1 MiB", true},
	{"Interval", "time.Duration", "time.Minute", "between two rounds; default a minute", false},
	{"Labels", "map[string]string", `map[string]string{"zone": "a"}`, "go into every line; default none", false},
	{"Ratio", "float64", "0.25", "share that is kept, 0 to 1; default all", false},
	{"Keys", "[]string", `[]string{"a", "b"}`, "the only ones looked at; default all", false},
}

func (f configField) usesTime() bool { return strings.HasPrefix(f.typ, "time.") }
