package http

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

// maxCandidates is as many names as a person takes in at a glance, maxKnown as many as one reads through.
const (
	maxCandidates = 5
	maxKnown      = 20
)

// withCandidates adds the known names that are close to name, or where none is the first twenty of all, for people
// as a hint and for programs as a member; the name itself is the member what.
func withCandidates(err *core.Error, what, name string, known []string) error {
	candidates := nearNames(name, known)
	switch {
	case len(candidates) > 0:
		err.Hint = fmt.Sprintf("did you mean %s?", strings.Join(candidates, " or "))
	default:
		candidates = append([]string{}, known[:min(len(known), maxKnown)]...)
		err.Hint = "none are known here"
		if len(candidates) > 0 {
			err.Hint = "known are " + strings.Join(candidates, ", ")
		}
	}
	return &HTTPProblemError{Err: err, Members: map[string]any{what: clipName(name), "candidates": candidates}}
}

// withName adds the name that an error is about as the member what.
func withName(err *core.Error, what, name string) error {
	return &HTTPProblemError{Err: err, Members: map[string]any{what: clipName(name)}}
}

// clipName shortens a name, which comes from outside, to what is worth sending back.
func clipName(name string) string { return fmt.Sprintf("%.80s", name) }

// nearNames returns those of known that a third of their letters, or less, keeps apart from name, closest first.
func nearNames(name string, known []string) []string {
	const longest = 64 // the name comes from outside, and distance costs the product of both lengths
	if len(name) > longest {
		return nil
	}
	distances := map[string]int{}
	var found []string
	for _, candidate := range known {
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d <= max(1, len(candidate)/3) {
			distances[candidate] = d
			found = append(found, candidate)
		}
	}
	slices.SortStableFunc(found, func(a, b string) int { return distances[a] - distances[b] })
	return found[:min(len(found), maxCandidates)]
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour between a and b (optimal
// string alignment).
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// jsonFieldNames lists the names of t's fields in JSON, with those of the structs inside, sorted: encoding/json doesn't
// say in which object it met an unknown one.
func jsonFieldNames(t reflect.Type) []string {
	names := map[string]bool{}
	collectJSONNames(t, names, map[reflect.Type]bool{})
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func collectJSONNames(t reflect.Type, names map[string]bool, seen map[reflect.Type]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collectJSONNames(t.Elem(), names, seen)
		return
	case reflect.Struct:
	default:
		return
	}
	if seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		if tag == "-" || !field.IsExported() && !field.Anonymous {
			continue
		}
		if !field.Anonymous || name != "" {
			if name == "" {
				name = field.Name
			}
			names[name] = true
		}
		collectJSONNames(field.Type, names, seen)
	}
}
