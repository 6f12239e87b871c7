package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/program"
)

// Each mistake in a file of tokens is named with its line, and no message has a
// token.
func TestTokens_Mistakes(t *testing.T) {
	t.Parallel()
	const head = "tokens:\n  - name: a\n"
	one := "    sha256: " + sum(clerk) + "\n"
	const can = "    databases:\n      shop: {read: [orders]}\n"
	short := writeText(t, "short", "tiny-s3cret")
	for _, c := range []struct{ text, want string }{
		{"", "there are none"},
		{"tokens: []\n", ":1: tokens: there are none"},
		{head + one + "    database: x\n", `:4:5: tokens[0]: unknown key "database"; did you mean databases?`},
		{head + one + "    databases:\n      shop: {reed: [x]}\n", "did you mean read?"},
		{head + "    sha256: abc\n" + can, ":3:13: tokens[0].sha256: want 64 hexadecimal digits"},
		{head + can, ":2: tokens[0]: want one of sha256 and token_file"},
		{head + one + "    token_file: x\n" + can, "want one of sha256 and token_file"},
		{head + one, "databases is missing"},
		{"tokens:\n  - sha256: " + sum(clerk) + "\n" + can, "tokens[0].name: want a name"},
		{"tokens:\n  - name: local\n" + one + can, ":2: tokens[0].name: want a name"},
		{head + one + can + "  - name: a\n    sha256: " + sum(guest) + "\n" + can, `:6: tokens[1].name: "a" is given twice`},
		{head + one + can + "  - name: b\n" + one + can, "tokens[1]: another name has the same token"},
		{head + one + "    databases:\n      shop: {read: [a], write: [b]}\n", `:5: tokens[0].databases.shop.write[0]: "b" may be written, and so must be in read, too`},
		{head + "    token_file: " + short + "\n" + can, "too short"},
	} {
		path := writeText(t, "tokens.yaml", c.text)
		_, err := readTokens(path)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(fmt.Sprint(err), c.want) || strings.Contains(fmt.Sprint(err), "s3cret") {
			t.Errorf("%s\n%v\nwant %s", c.text, err, c.want)
		}
	}
	if _, err := readTokens(filepath.Join(t.TempDir(), "none.yaml")); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("no file: %v", err)
	}
}

// A token may be in a file beside the list; what the database doesn't have is a
// warning.
func TestTokens_FileAndWarnings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list := filepath.Join(dir, "tokens.yaml")
	for name, text := range map[string]string{
		"secret": clerk + "\n",
		"tokens.yaml": "tokens:\n  - name: clerk\n    token_file: secret\n    databases:\n" +
			"      shop: {read: [order, words], hide: {customers: [pasword], orders: [note]}}\n      shp: {read: [x]}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stderr strings.Builder
	cfg := newProgram()
	cfg.Args, cfg.Stdout, cfg.Stderr = []string{"--addr", "256.0.0.1:0", "--tokens", list, shop(t)}, io.Discard, &stderr
	program.ProgramRun(t.Context(), cfg) // the address ends it
	for _, want := range []string{
		`tokens.yaml:5: tokens[0].databases.shop: no table \"order\"; did you mean orders?`, `no column \"pasword\"; did you mean password?`,
		`\"words\" is a virtual table`, `tokens.yaml:6: tokens[0].databases.shp: no database \"shp\" is served`,
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("no warning %s in\n%s", want, &stderr)
		}
	}
	if text := stderr.String(); strings.Contains(text, clerk) {
		t.Error("a token is in the log")
	}
	server := start(t, "--tokens", list, shop(t))
	caller{t, server.URL, clerk}.want(404, "no table", "GET", tables+"customers", "")
}

// Pages of a named origin may read, those of others may not.
func TestCORS(t *testing.T) {
	t.Parallel()
	server := start(t, "--cors", "https://app.example", shop(t))
	c := caller{t, server.URL, ""}
	for origin, want := range map[string]string{"https://app.example": "https://app.example", "https://evil.example": ""} {
		if got := c.want(200, "", "GET", "/api/v1/databases", "", "Origin", origin).Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("%s: %q", origin, got)
		}
	}
	c.want(403, "", "POST", tables+"orders/rows", `{"id": 1}`, "Origin", "https://evil.example")
}
