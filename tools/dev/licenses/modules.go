package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// module is one version of a module from which packages are linked.
type module struct {
	path     string
	version  string
	root     string          // the topmost folder that is searched for licenses
	dirs     map[string]bool // the folders of its packages that are linked
	neededBy string          // a module of the workspace
}

// name is the module's path with its version, if it has one.
func (m *module) name() string {
	if m.version == "" {
		return m.path
	}
	return m.path + "@" + m.version
}

// settings are the builds that differ in what they link: with either
// implementation of encryption, with either SQLite driver, without cgo, and on
// the systems that units are written for. Packages that can't be built for
// another system are skipped (-e).
var settings = []struct {
	env, args []string
}{
	{nil, []string{"-tags=goolm"}},
	{nil, []string{"-tags=sqlite_mattn"}},
	{[]string{"CGO_ENABLED=0"}, []string{"-e"}},
	{[]string{"GOOS=darwin"}, []string{"-e", "-tags=goolm"}},
	{[]string{"GOOS=windows"}, []string{"-e", "-tags=goolm"}},
}

// linked returns all modules that the workspace at root links, including tests
// and tools, by path and version. Each module of go.work is read twice: as the
// workspace builds it, and alone, which may select other versions, and which is
// how tools/testenv builds the homeserver and tools/dev its tools. The
// repository's modules count as one, under the license of its root.
func linked(ctx context.Context, root string) ([]*module, error) {
	own, err := goCommand(ctx, root, nil, "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*module)
	for _, s := range settings {
		if err := list(ctx, root, root, s.env, append(s.args, "work"), all); err != nil {
			return nil, err
		}
		for dir := range strings.Lines(own) {
			dir = strings.TrimSuffix(dir, "\n")
			env := append([]string{"GOWORK=off"}, s.env...)
			if err := list(ctx, root, dir, env, append(s.args, "./...", "tool"), all); err != nil {
				return nil, err
			}
		}
	}
	return slices.SortedFunc(maps.Values(all), func(a, b *module) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.version, b.version))
	}), nil
}

// list adds to all the modules of the packages that the arguments name, of
// their imports, and of their tests, as seen from dir.
func list(ctx context.Context, root, dir string, env, args []string, all map[string]*module) error {
	const format = "{{with .Module}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}"
	out, err := goCommand(ctx, dir, env, append([]string{"list", "-deps", "-test", "-f", format}, args...)...)
	if err != nil {
		return err
	}
	from, err := filepath.Rel(root, dir)
	if err != nil {
		return err
	}
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			return fmt.Errorf("unexpected line of go list in %s: %q", from, line)
		}
		m := &module{path: fields[0], version: fields[1], root: fields[2], dirs: make(map[string]bool), neededBy: from}
		if m.root == root || strings.HasPrefix(m.root, root+string(filepath.Separator)) {
			m.path, m.version, m.root = "this-repository", "", root
		}
		if m.root == "" {
			return fmt.Errorf("%s, needed by %s, is not in the module cache", m.name(), from)
		}
		if known := all[m.name()]; known != nil {
			m = known
		}
		all[m.name()] = m
		if fields[3] != "" { // a test binary's main package has no folder
			m.dirs[fields[3]] = true
		}
	}
	return nil
}

// goCommand runs the go command in dir and returns its output.
func goCommand(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GOFLAGS="), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), dir, err, stderr.Bytes())
	}
	return stdout.String(), nil
}
