package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fnregistry.dev/apps/sqlite_api/data"
	"fnregistry.dev/functions/core"
	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/yaml"
)

// tokensFile is the file of --tokens.
type tokensFile struct {
	Tokens []tokenEntry `yaml:"tokens"`
}

// tokenEntry is a token, by its hash or by a file that it is in, and what it
// may do.
type tokenEntry struct {
	Name      string                   `yaml:"name"`
	SHA256    hash                     `yaml:"sha256"`
	TokenFile string                   `yaml:"token_file"` // a relative path begins at the folder of this file
	Databases map[string]databaseEntry `yaml:"databases"`
}

type databaseEntry struct {
	Read  []string            `yaml:"read"`
	Write []string            `yaml:"write"`
	Hide  map[string][]string `yaml:"hide"`
}

// hash is a SHA-256 in hexadecimal digits.
type hash [sha256.Size]byte

// UnmarshalText reads 64 hexadecimal digits.
func (h *hash) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return errors.New("want 64 hexadecimal digits, as of: printf %s TOKEN | sha256sum")
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// tokens are those of a file, and the access of each.
type tokens struct {
	path   string
	named  []fnhttp.HTTPBearerAuthToken
	access map[string]*data.Access
	lines  map[string]int // of values in the file, by their path
	file   tokensFile
}

// readTokens reads the file of --tokens. An empty path is no tokens.
//
// Errors: CodeInvalid with the file and the line; what reading a file gives.
func readTokens(path string) (*tokens, error) {
	t := &tokens{path: path, access: map[string]*data.Access{}, lines: map[string]int{}}
	if path == "" {
		return t, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &core.Error{Code: core.ErrorCode(err), Op: "tokens", Err: err}
	}
	err = yaml.YAMLDecode(text, &t.file, yaml.YAMLDecodeConfig{Name: path, MaxNodes: 100_000, OnValue: func(at string, line, _ int) { t.lines[at] = line }})
	if err != nil {
		return nil, err
	}
	if len(t.file.Tokens) == 0 {
		return nil, t.bad("tokens", "there are none")
	}
	for i, entry := range t.file.Tokens {
		if err := t.add(fmt.Sprintf("tokens[%d]", i), entry); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// bad is an error about a value, or the first one in it.
func (t *tokens) bad(at, format string, args ...any) error {
	line := 0
	for path, l := range t.lines {
		if (path == at || strings.HasPrefix(path, at+".") || strings.HasPrefix(path, at+"[")) && (line == 0 || l < line) {
			line = l
		}
	}
	return &core.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("%s:%d: %s: ", t.path, max(line, 1), at) + fmt.Sprintf(format, args...)}
}

func (t *tokens) add(at string, e tokenEntry) error {
	switch {
	case e.Name == "" || e.Name == data.Local.Name || e.Name == data.Full.Name:
		return t.bad(at+".name", "want a name other than %s and %s", data.Local.Name, data.Full.Name)
	case t.access[e.Name] != nil:
		return t.bad(at+".name", "%q is given twice", e.Name)
	case (e.SHA256 == hash{}) == (e.TokenFile == ""):
		return t.bad(at, "want one of sha256 and token_file")
	case len(e.Databases) == 0:
		return t.bad(at, "databases is missing, so it could do nothing")
	}
	if e.TokenFile != "" {
		var err error
		if e.SHA256, err = t.hashOf(at, e.TokenFile); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(t.named, func(other fnhttp.HTTPBearerAuthToken) bool { return other.SHA256 == e.SHA256 }) {
		return t.bad(at, "another name has the same token")
	}
	access := &data.Access{Name: e.Name, Rules: map[string]data.Rules{}}
	for name, d := range e.Databases {
		where := at + ".databases." + name
		for i, table := range d.Write {
			if !slices.Contains(d.Read, "*") && !slices.Contains(d.Read, table) {
				return t.bad(fmt.Sprintf("%s.write[%d]", where, i), "%q may be written, and so must be in read, too", table)
			}
		}
		access.Rules[name] = data.Rules{Read: d.Read, Write: d.Write, Hide: d.Hide}
	}
	t.access[e.Name] = access
	t.named = append(t.named, fnhttp.HTTPBearerAuthToken{Name: e.Name, SHA256: e.SHA256})
	return nil
}

// hashOf reads a token from a file. No error has the token.
func (t *tokens) hashOf(at, path string) (hash, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(t.path), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return hash{}, &core.Error{Code: core.ErrorCode(err), Op: "tokens " + at, Err: err}
	}
	token := strings.TrimSpace(string(text))
	if len(token) < 16 || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return hash{}, t.bad(at+".token_file", "the token is too short or holds other than visible ASCII characters; make one with: openssl rand -hex 32")
	}
	return sha256.Sum256([]byte(token)), nil
}

// all lists the accesses.
func (t *tokens) all() []*data.Access {
	var all []*data.Access
	for _, named := range t.named {
		all = append(all, t.access[named.Name])
	}
	return all
}

// of is the access of a request's caller.
func (t *tokens) of(ctx context.Context) *data.Access {
	name, known := fnhttp.HTTPBearerName(ctx)
	switch {
	case !known:
		return data.Local
	case name == "":
		return data.Full
	}
	return cmp.Or(t.access[name], data.AccessFrom(context.Background()))
}

// check warns of tables and columns that the databases don't have: they may
// come later, or be mistyped.
func (t *tokens) check(ctx context.Context, set *data.Set, log *slog.Logger) error {
	for i, entry := range t.file.Tokens {
		for name, d := range entry.Databases {
			missing, err := set.Missing(ctx, name, data.Rules{Read: d.Read, Write: d.Write, Hide: d.Hide})
			if err != nil {
				return err
			}
			for _, m := range missing {
				log.Warn(t.bad(fmt.Sprintf("tokens[%d].databases.%s", i, name), "%s", m).Error())
			}
		}
	}
	return nil
}
