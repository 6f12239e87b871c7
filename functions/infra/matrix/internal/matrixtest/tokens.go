package matrixtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

// Tokens is a token store in memory. [NewTokens] makes one.
type Tokens struct {
	Broken error // what Set answers, if it is not nil

	mu     sync.Mutex
	values map[string]string
}

var _ token.TokenStore = (*Tokens)(nil)

// NewTokens makes an empty store.
func NewTokens() *Tokens { return &Tokens{values: map[string]string{}} }

// Format implements fmt.Formatter: no value is shown.
func (s *Tokens) Format(f fmt.State, _ rune) { fmt.Fprint(f, "Tokens") }

// Value returns the value of a name, "" where there is none.
func (s *Tokens) Value(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.values[name]
}

func check(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return &core.Error{Err: ctx.Err()}
	}
	return token.TokenNameCheck(name)
}

// Get implements token.TokenStore.
func (s *Tokens) Get(ctx context.Context, name string) (string, error) {
	if err := check(ctx, name); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := s.values[name]
	if !ok {
		return "", &core.Error{Code: core.CodeNotFound, Op: "token_store get"}
	}
	return value, nil
}

// Set implements token.TokenStore.
func (s *Tokens) Set(ctx context.Context, name, value string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	if value == "" {
		return &core.Error{Code: core.CodeInvalid, Op: "token_store set"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Broken != nil {
		return s.Broken
	}
	s.values[name] = value
	return nil
}

// Delete implements token.TokenStore.
func (s *Tokens) Delete(ctx context.Context, name string) error {
	if _, err := s.Get(ctx, name); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, name)
	return nil
}

// List implements token.TokenStore.
func (s *Tokens) List(ctx context.Context) ([]string, error) {
	if ctx.Err() != nil {
		return nil, &core.Error{Err: ctx.Err()}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.values)), nil
}
