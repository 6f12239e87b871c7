package tokentest_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
	"fnregistry.dev/functions/infra/token/tokentest"
)

// memory is a store that keeps every guarantee except surviving the process.
// broken names a guarantee that it violates.
type memory struct {
	*shared
	broken string
}

type shared struct {
	sync.Mutex
	tokens map[string]string
}

func (m memory) Format(f fmt.State, _ rune) {
	if m.broken == "prints values" {
		m.Lock()
		defer m.Unlock()
		fmt.Fprint(f, m.tokens)
	}
}

// key is the name that the store remembers.
func (m memory) key(name string) string {
	if m.broken == "trims names" {
		return strings.TrimSpace(name)
	}
	return name
}

func (m memory) check(ctx context.Context, name string) error {
	if ctx.Err() != nil && m.broken != "works on a done context" {
		return &core.Error{Err: ctx.Err()}
	}
	if m.broken == "takes any name" {
		return nil
	}
	return token.TokenNameCheck(name)
}

func (m memory) Get(ctx context.Context, name string) (string, error) {
	if err := m.check(ctx, name); err != nil {
		return "", err
	}
	m.Lock()
	defer m.Unlock()
	value, ok := m.tokens[m.key(name)]
	if !ok && m.broken != "a missing name is empty" {
		return "", &core.Error{Code: core.CodeNotFound}
	}
	if m.broken == "trims values" {
		value = strings.TrimSpace(value)
	}
	return value, nil
}

func (m memory) Set(ctx context.Context, name, value string) error {
	if err := m.check(ctx, name); err != nil {
		return err
	}
	if value == "" && m.broken != "takes empty values" {
		return &core.Error{Code: core.CodeInvalid}
	}
	if m.broken == "large values in the error" && len(value) > 4096 {
		return &core.Error{Code: core.CodeTooLarge, Message: value}
	}
	m.Lock()
	defer m.Unlock()
	if old := m.tokens[m.key(name)]; m.broken == "mixes values" && len(old) == len(value) {
		value = value[:len(value)/2] + old[len(value)/2:]
	}
	if m.broken == "cuts large values" {
		value = value[:min(len(value), 4096)]
	}
	if m.broken == "the first value stays" && m.tokens[m.key(name)] != "" {
		return nil
	}
	m.tokens[m.key(name)] = value
	if m.broken == "a set loses another name" && len(m.tokens) > 10 {
		for other := range m.tokens {
			if other != name {
				delete(m.tokens, other)
				break
			}
		}
	}
	return nil
}

func (m memory) Delete(ctx context.Context, name string) error {
	if err := m.check(ctx, name); err != nil {
		return err
	}
	m.Lock()
	defer m.Unlock()
	if _, ok := m.tokens[m.key(name)]; !ok && m.broken != "deletes what is not there" {
		return &core.Error{Code: core.CodeNotFound}
	}
	if m.broken != "deletes nothing" {
		delete(m.tokens, name)
	}
	return nil
}

func (m memory) List(ctx context.Context) ([]string, error) {
	if err := m.check(ctx, "list"); err != nil {
		return nil, err
	}
	m.Lock()
	defer m.Unlock()
	names := slices.Sorted(maps.Keys(m.tokens))
	if m.broken == "lists backwards" {
		slices.Reverse(names)
	}
	return names, nil
}

const breakEnv = "TOKENTEST_BREAK"

func TestTokenStoreConformance_MemoryPasses(t *testing.T) {
	tokentest.TokenStoreConformance(t, func(t *testing.T) func() token.TokenStore {
		world := &shared{tokens: map[string]string{}}
		return func() token.TokenStore { return memory{world, os.Getenv(breakEnv)} }
	})
}

// A suite that cannot fail proves nothing: each broken store must fail the
// matching subtest, in a process of its own.
func TestTokenStoreConformance_BrokenStoresFail(t *testing.T) {
	t.Parallel()
	for broken, promise := range map[string]string{
		"prints values":             "no value is printed",
		"works on a done context":   "a done context changes nothing",
		"takes any name":            "bad names are refused",
		"a missing name is empty":   "what is not there is told",
		"trims values":              "values come back as they were",
		"takes empty values":        "empty values are refused",
		"large values in the error": "large values are kept or refused",
		"cuts large values":         "large values are kept or refused",
		"the first value stays":     "the last value counts",
		"a set loses another name":  "writers of many names lose nothing",
		"deletes what is not there": "what is not there is told",
		"deletes nothing":           "a deleted name is gone",
		"trims names":               "names are kept apart",
		"mixes values":              "writers of one name never mix",
		"lists backwards":           "names are listed in order",
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTokenStoreConformance_MemoryPasses$")
			child.Env = append(os.Environ(), breakEnv+"="+broken)
			out, err := child.CombinedOutput()
			want := "--- FAIL: TestTokenStoreConformance_MemoryPasses/" + strings.ReplaceAll(promise, " ", "_")
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, want %q in\n%s", err, want, out)
			}
		})
	}
}
