package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"fnregistry.dev/fn_registry/registry"
)

// TestMCPLintAndFix breaks a spec, and checks that it is found and fixed.
func TestMCPLintAndFix(t *testing.T) {
	t.Parallel()
	dir := repo(t)
	client := connect(t, dir)
	var before lintOut
	call(t, client, "lint", map[string]any{}, &before)

	file, src := specOf(t, dir, "backoff_delay")
	broken := strings.Replace(string(src), "func BackoffDelay(", "func BackoffDelay(more bool, ", 1)
	if broken == string(src) {
		t.Fatalf("%s has no such signature", file)
	}
	if err := os.WriteFile(file, []byte(broken), 0o644); err != nil {
		t.Fatal(err)
	}
	var found lintOut
	text, _ := call(t, client, "lint", map[string]any{"id": "backoff_delay"}, &found)
	if found.Total == 0 || found.Fixable == 0 || !strings.Contains(text, "signature") {
		t.Fatalf("lint found %+v: %s", found, text)
	}
	var fixed fixOut
	call(t, client, "fix", map[string]any{"id": "backoff_delay"}, &fixed)
	if len(fixed.Files) != 1 || !strings.HasSuffix(file, filepath.FromSlash(fixed.Files[0])) {
		t.Errorf("fixed %+v", fixed)
	}
	if now, _ := os.ReadFile(file); string(now) != string(src) {
		t.Errorf("%s is now\n%s", file, now)
	}
	var after lintOut
	if call(t, client, "lint", map[string]any{}, &after); after.Total != before.Total {
		t.Errorf("%d findings, were %d", after.Total, before.Total)
	}
	if text, failed := call(t, client, "lint", map[string]any{"rule": "purty"}, nil); !failed || !strings.Contains(text, "purity") {
		t.Errorf("an unknown rule gives %s", text)
	}
}

// specOf finds a unit's spec in a repository.
func specOf(t *testing.T, dir, name string) (file string, src []byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == name+".md" {
			file = at
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("no spec of %s: %v", name, err)
	}
	if src, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	return file, src
}

// TestMCPSpecs reads specs as resources.
func TestMCPSpecs(t *testing.T) {
	t.Parallel()
	dir := repo(t)
	client := connect(t, dir)
	list, err := client.ListResourceTemplates(t.Context(), nil)
	if err != nil || len(list.ResourceTemplates) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	_, src := specOf(t, dir, "backoff_delay")
	for _, uri := range []string{"spec:///backoff_delay_go_base", "spec:///backoff_delay"} {
		got, err := client.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: uri})
		if err != nil || len(got.Contents) != 1 || got.Contents[0].Text != string(src) {
			t.Errorf("%s: %+v, %v", uri, got, err)
		}
	}
	if got, err := client.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "spec:///no_such"}); err == nil {
		t.Errorf("an unknown unit gives %+v", got)
	}
}

// TestMCPSpecs_Listed lists all current specs, page by page.
func TestMCPSpecs_Listed(t *testing.T) {
	t.Parallel()
	dir := repo(t)
	const more = specsAPage + 5
	write := func(name string) {
		spec := "---\nname: " + name + "\nkind: type\nlang: go\ndomain: base\ndescription: Is one. Of many.\n---\n"
		if err := os.WriteFile(filepath.Join(dir, "lib/base", name+".md"), []byte(spec), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range more {
		write(fmt.Sprintf("kind_%03d", i))
	}
	r, err := registry.Load(t.Context(), registry.Options{Roots: []string{dir}, NoCache: true})
	if err != nil {
		t.Fatal(err)
	}
	client := connectTo(t, r)
	first, err := client.ListResources(t.Context(), nil)
	if err != nil || len(first.Resources) != specsAPage || first.NextCursor == "" {
		t.Fatalf("the first page: %+v, %v", first, err)
	}
	write("kind_zzz") // while the list is being read
	rest, err := client.ListResources(t.Context(), &mcp.ListResourcesParams{Cursor: first.NextCursor})
	if err != nil || rest.NextCursor != "" {
		t.Fatalf("the second page: %+v, %v", rest, err)
	}
	listed := map[string]*mcp.Resource{}
	for _, res := range append(first.Resources, rest.Resources...) {
		listed[res.URI] = res
		if _, err := client.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: res.URI}); err != nil {
			t.Errorf("%s: %v", res.URI, err)
		}
	}
	if want := r.State().Stats().Units; len(listed) != want || len(first.Resources)+len(rest.Resources) != want {
		t.Errorf("%d listed of %d units", len(listed), want)
	}
	want := mcp.Resource{
		URI:         "spec:///kind_zzz_go_base",
		Name:        "kind_zzz_go_base",
		Title:       "kind_zzz",
		Description: "Is one.",
		MIMEType:    "text/markdown",
	}
	if got := listed[want.URI]; got == nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	_, err = client.ListResources(t.Context(), &mcp.ListResourcesParams{Cursor: "no cursor"})
	if wire, ok := errors.AsType[*jsonrpc.Error](err); !ok || wire.Code != jsonrpc.CodeInvalidParams {
		t.Errorf("an invalid cursor: %v", err)
	}
}

// TestMCPWhy checks that find and similar explain why something matched.
func TestMCPWhy(t *testing.T) {
	t.Parallel()
	client := connect(t, repo(t))
	var found findOut
	text, _ := call(t, client, "find", map[string]any{"query": "pause retries"}, &found)
	if len(found.Units) == 0 || !slices.ContainsFunc(found.Units[0].Why, func(w string) bool { return strings.HasPrefix(w, "pause as ") }) ||
		!strings.Contains(text, "found by pause as ") {
		t.Errorf("find: %+v\n%s", found, text)
	}
	var alike similarOut
	call(t, client, "similar", map[string]any{"description": "pause retries"}, &alike)
	if len(alike.Units) == 0 || len(alike.Units[0].Why) == 0 {
		t.Errorf("similar: %+v", alike)
	}
}
