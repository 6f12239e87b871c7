package check

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/infra/atomicfile"
)

// set makes the fix that sets one key of the unit's spec; nil if the
// frontmatter's form does not allow the edit.
func (p *pass) set(key string, value any) *Fix {
	if p.editor == nil {
		p.editor = p.document().Edit()
	}
	edits, err := p.editor.Set(map[string]any{key: value})
	if err != nil {
		return nil
	}
	return &Fix{
		Description: "set " + key + " to " + show(value),
		File:        p.unit.File,
		Edits:       edits,
		set:         map[string]any{key: value},
	}
}

func show(value any) string {
	switch v := value.(type) {
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case []spec.Param:
		var names []string
		for _, p := range v {
			names = append(names, p.Name)
		}
		return "[" + strings.Join(names, ", ") + "]"
	case string:
		if v == "" {
			return "empty"
		}
		return v
	}
	return fmt.Sprint(value)
}

// Change is a file before and after its fixes.
type Change struct {
	Root          int
	File          string // from the root
	Before, After []byte
}

// Fixed computes what the files with fixable findings look like with all their
// fixes made, sorted by file. Nothing is written.
func Fixed(c *catalog.Catalog, findings []Finding) ([]Change, error) {
	type key struct {
		root int
		file string
	}
	sets, recode, code := map[key]map[string]any{}, map[key]bool{}, map[key][]spec.Edit{}
	for _, f := range findings {
		if f.Fix == nil {
			continue
		}
		k := key{f.Root, f.Fix.File}
		if f.Fix.code {
			code[k] = append(code[k], f.Fix.Edits...)
			continue
		}
		if sets[k] == nil {
			sets[k] = map[string]any{}
		}
		maps.Copy(sets[k], f.Fix.set)
		recode[k] = recode[k] || f.Fix.encoding
	}
	var changes []Change
	for k, set := range sets {
		src, err := os.ReadFile(c.Roots[k.root].Path(k.file))
		if err != nil {
			return nil, err
		}
		after := src
		if recode[k] {
			after = spec.Apply(src, spec.Parse(k.file, src).FixEncoding())
		}
		edits, err := spec.Parse(k.file, after).Set(set)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.file, err)
		}
		if after = spec.Apply(after, edits); !bytes.Equal(src, after) {
			changes = append(changes, Change{Root: k.root, File: k.file, Before: src, After: after})
		}
	}
	for k, edits := range code {
		src, err := os.ReadFile(c.Roots[k.root].Path(k.file))
		if err != nil {
			return nil, err
		}
		slices.SortFunc(edits, func(a, b spec.Edit) int { return cmp.Compare(a.Start, b.Start) })
		if last := edits[len(edits)-1]; last.End > len(src) {
			return nil, fmt.Errorf("%s: changed while it was being fixed; run again", k.file)
		}
		changes = append(changes, Change{Root: k.root, File: k.file, Before: src, After: spec.Apply(src, edits)})
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.File, b.File) })
	return changes, nil
}

// mostRounds limits how often Mend writes: a file whose encoding was fixed has
// more to fix, and other files may depend on a changed spec.
const mostRounds = 8

// Mend writes all fixes and checks again, until there is nothing left to write,
// and returns the last check's result. wrote is called after each round with
// what it has written. Fixes that undo each other are an error that names one
// of their files.
func Mend(
	check func() (*catalog.Catalog, []Finding, error),
	wrote func([]Change),
) (*catalog.Catalog, []Finding, error) {
	for round := 0; ; round++ {
		c, found, err := check()
		if err != nil {
			return nil, nil, err
		}
		changes, err := Fixed(c, found)
		if err != nil {
			return nil, nil, err
		}
		if len(changes) == 0 {
			return c, found, nil
		}
		if round == mostRounds {
			return nil, nil, fmt.Errorf(
				"%s: its fixes never end: after %d rounds there is still something to fix",
				changes[0].File,
				round,
			)
		}
		if err := Write(c, changes); err != nil {
			return nil, nil, err
		}
		wrote(changes)
	}
}

// Write puts the changes on disk, each file at once and with its mode kept. A
// file that has changed since it was read is not overwritten.
func Write(c *catalog.Catalog, changes []Change) error {
	for _, ch := range changes {
		if err := writeOne(c.Roots[ch.Root].Path(ch.File), ch); err != nil {
			return err
		}
	}
	return nil
}

func writeOne(file string, ch Change) error {
	file, err := filepath.EvalSymlinks(file) // the rename must replace the file, not the link to it
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, ch.Before) {
		return fmt.Errorf("%s: changed while it was being fixed; run again", ch.File)
	}
	return atomicfile.FileWriteAtomic(context.Background(), file, bytes.NewReader(ch.After), info.Mode().Perm())
}
