package scaffold

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// modFile is what a new program's go.mod needs to know of another's.
type modFile struct {
	path     string
	goLine   string            // "1.26"
	requires map[string]string // module path -> version
	replaces []replace
	sums     []string        // the lines of go.sum
	own      map[string]bool // of a new one: the repository's modules that it needs; true: directly
}

type replace struct{ old, oldVersion, new, newVersion string }

// readMod reads the go.mod and go.sum of a folder, as far as the scaffold needs
// them. A missing go.sum is an empty one.
func (m *maker) readMod(dir string) (*modFile, error) {
	src, err := os.ReadFile(m.root.Path(path.Join(dir, "go.mod")))
	if err != nil {
		return nil, err
	}
	f := parseMod(string(src))
	sums, err := os.ReadFile(m.root.Path(path.Join(dir, "go.sum")))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for line := range strings.Lines(string(sums)) {
		if line = strings.TrimSpace(line); line != "" {
			f.sums = append(f.sums, line)
		}
	}
	return f, nil
}

// parseMod reads the directives, one by one or in a block. The go command
// writes these files and keeps their form; what it would refuse is simply not
// understood here, and go mod tidy tells.
func parseMod(text string) *modFile {
	f := &modFile{requires: map[string]string{}}
	block := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case block != "":
			f.directive(block, words)
		default:
			f.directive(words[0], words[1:])
		}
	}
	return f
}

func (f *modFile) directive(verb string, args []string) {
	for i, a := range args {
		if s, err := strconv.Unquote(a); err == nil {
			args[i] = s
		}
	}
	switch {
	case verb == "module" && len(args) == 1:
		f.path = args[0]
	case verb == "go" && len(args) == 1:
		f.goLine = args[0]
	case verb == "require" && len(args) == 2:
		f.requires[args[0]] = args[1]
	case verb == "replace":
		i := slices.Index(args, "=>")
		if i < 1 || i+1 >= len(args) {
			return
		}
		r := replace{old: args[0], new: args[i+1]}
		if i == 2 {
			r.oldVersion = args[1]
		}
		if len(args) > i+2 {
			r.newVersion = args[i+2]
		}
		f.replaces = append(f.replaces, r)
	}
}

// newMod puts a go.mod and a go.sum together for a program in dir that imports
// packages of the given module folders: what those modules need, at the highest
// version that one of them asks for, and a replace for each module of this
// repository. The go command's tidy may still take out what the program's
// packages don't reach.
func (m *maker) newMod(dir, module string, direct []string) (*modFile, error) {
	folders := map[string]string{} // module path -> folder, of this repository
	for folder, p := range m.root.Modules {
		folders[p] = folder
	}
	out := &modFile{path: module, goLine: "1.21", requires: map[string]string{}, own: map[string]bool{}}
	queue := slices.Clone(direct)
	for _, folder := range direct {
		out.own[m.root.Modules[folder]] = true
	}
	for i := 0; i < len(queue); i++ {
		f, err := m.readMod(queue[i])
		if err != nil {
			return nil, err
		}
		if compareVersions(f.goLine, out.goLine) > 0 {
			out.goLine = f.goLine
		}
		for p, v := range f.requires {
			if folder, ok := folders[p]; ok {
				if _, known := out.own[p]; !known {
					out.own[p] = false
					queue = append(queue, folder)
				}
			} else if compareVersions(v, out.requires[p]) > 0 {
				out.requires[p] = v
			}
		}
		out.sums = append(out.sums, f.sums...)
		for _, r := range f.replaces {
			if _, ok := folders[r.old]; !ok {
				out.replaces = append(out.replaces, r.from(queue[i], dir))
			}
		}
	}
	for p := range out.own {
		out.replaces = append(out.replaces, replace{old: p, new: relative(dir, folders[p])})
	}
	slices.Sort(out.sums)
	out.sums = slices.Compact(out.sums)
	return out, nil
}

// from moves a replacement by a folder to another go.mod.
func (r replace) from(there, here string) replace {
	if r.newVersion == "" && !path.IsAbs(r.new) {
		r.new = relative(here, path.Join(there, r.new))
	}
	return r
}

// relative is the path from one folder to another, as a replace needs it.
func relative(from, to string) string {
	rel, err := filepath.Rel(filepath.FromSlash(from), filepath.FromSlash(to))
	if err != nil {
		return to // both count from the root, so there always is one
	}
	if rel = filepath.ToSlash(rel); !strings.HasPrefix(rel, "../") && rel != ".." {
		rel = "./" + rel
	}
	return rel
}

// text writes the go.mod.
func (f *modFile) text() string {
	var b strings.Builder
	b.WriteString("module " + f.path + "\n\ngo " + f.goLine + "\n")
	var direct, indirect []string
	for p, isDirect := range f.own {
		line := "\t" + p + " v0.0.0"
		if isDirect {
			direct = append(direct, line)
		} else {
			indirect = append(indirect, line+" // indirect")
		}
	}
	for p, v := range f.requires {
		indirect = append(indirect, "\t"+p+" "+v+" // indirect")
	}
	for _, group := range [][]string{direct, indirect} {
		slices.Sort(group)
		if len(group) > 0 {
			b.WriteString("\nrequire (\n" + strings.Join(group, "\n") + "\n)\n")
		}
	}
	var lines []string
	for _, r := range f.replaces {
		lines = append(lines, "\t"+oneLine(r.old+" "+r.oldVersion+" => "+r.new+" "+r.newVersion))
	}
	slices.Sort(lines)
	if lines = slices.Compact(lines); len(lines) > 0 {
		b.WriteString("\nreplace (\n" + strings.Join(lines, "\n") + "\n)\n")
	}
	return b.String()
}

// compareVersions orders versions by semver.org's rules: v1.2.3, 1.26,
// v0.0.0-2024...-abc. Nothing is the lowest.
func compareVersions(a, b string) int {
	coreOf := func(v string) ([]string, string) {
		v, _, _ = strings.Cut(strings.TrimPrefix(v, "v"), "+")
		main, pre, _ := strings.Cut(v, "-")
		return strings.Split(main, "."), pre
	}
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	mainA, preA := coreOf(a)
	mainB, preB := coreOf(b)
	if c := compareParts(mainA, mainB); c != 0 {
		return c
	}
	switch {
	case preA == preB:
		return 0
	case preA == "":
		return 1
	case preB == "":
		return -1
	}
	return compareParts(strings.Split(preA, "."), strings.Split(preB, "."))
}

// compareParts compares dot-separated parts: numbers as numbers and below
// words, a longer list above its beginning.
func compareParts(a, b []string) int {
	for i := range min(len(a), len(b)) {
		x, errX := strconv.ParseUint(a[i], 10, 64)
		y, errY := strconv.ParseUint(b[i], 10, 64)
		var c int
		switch {
		case errX == nil && errY == nil:
			c = cmp.Compare(x, y)
		case errX == nil:
			c = -1
		case errY == nil:
			c = 1
		default:
			c = strings.Compare(a[i], b[i])
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
