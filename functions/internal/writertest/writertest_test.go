package writertest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"fnregistry.dev/functions/core"
)

// memory is a store in memory.
type memory map[string]string

func (m memory) Get(_ context.Context, name string) (string, error) {
	if text, ok := m[name]; ok {
		return text, nil
	}
	return "", &core.Error{Code: core.CodeNotFound}
}

func (m memory) Set(_ context.Context, name, text string) error {
	m[name] = text
	return nil
}

func (m memory) Delete(_ context.Context, name string) error {
	delete(m, name)
	return nil
}

func (m memory) List(context.Context) ([]string, error) {
	return slices.Sorted(maps.Keys(m)), nil
}

// recorder notes that a test would fail.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper() {}

func (r *recorder) Error(...any) { r.failed = true }

func (r *recorder) Errorf(string, ...any) { r.failed = true }

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		store            memory
		state            map[string]string
		unknown, missing int
		fails            bool
	}{
		"all as acknowledged":    {memory{"a": "value of a"}, map[string]string{"a": "set", "b": "deleted"}, 0, 0, false},
		"a name is unknown":      {memory{"a": "value of a"}, nil, 1, 0, false},
		"a name is missing":      {memory{}, map[string]string{"a": "set"}, 0, 1, false},
		"a deleted one is there": {memory{"a": "value of a"}, map[string]string{"a": "deleted"}, 0, 0, true},
		"a value is another's":   {memory{"a": "value of b"}, map[string]string{"a": "set"}, 0, 0, true},
	} {
		r := &recorder{TB: t}
		unknown, missing := compare(r, test.store, test.state)
		if unknown != test.unknown || missing != test.missing || r.failed != test.fails {
			t.Errorf("%s: %d, %d, failed %t", name, unknown, missing, r.failed)
		}
	}
}

func TestWrite(t *testing.T) {
	store := memory{}
	if err := Write(store, "x", 5); err != nil {
		t.Fatal(err)
	}
	if names, _ := store.List(t.Context()); !slices.Equal(names, []string{"x 0", "x 1", "x 3", "x 4"}) {
		t.Errorf("%q", names)
	}
}
