package spec

import (
	"bytes"
	"fmt"
	"slices"
)

// verify applies the edits and reads the result: a rewrite that would damage a
// file is refused, whatever unusual YAML caused it. It costs as much as reading
// the frontmatter again.
func (w *writer) verify(changes map[string]any) error {
	if len(w.edits) == 0 {
		return nil
	}
	block := nodeBlocks.Get().(*nodeBlock)
	defer block.release()
	after, root := readFront(w.Path, Apply(w.src, w.edits), block[:])
	if slices.ContainsFunc(after.Problems, func(p Problem) bool { return p.Rule == RuleSize }) {
		return fmt.Errorf("%w: with the new values it would be too large", ErrNotEditable)
	}
	if root == nil || after.noEdit != "" {
		return fmt.Errorf("%w: the result would not be a spec: %s", ErrNotEditable, after.noEdit)
	}
	for key, value := range changes {
		e := after.entry(key)
		if e == nil || !e.valid || !equalValue(after.Spec.field(key), value) {
			return fmt.Errorf("%w: the result would not have that %s", ErrNotEditable, key)
		}
	}
	kept := func(e entry) bool { _, changed := changes[e.key]; return !changed }
	var before []entry
	for _, e := range w.entries {
		if kept(e) {
			before = append(before, e)
		}
	}
	sameBytes := func(a, b entry) bool {
		return a.key == b.key && bytes.Equal(w.entryText(a), (&writer{parser: after, root: root, indent: w.indent}).entryText(b))
	}
	if !slices.EqualFunc(before, slices.DeleteFunc(after.entries, func(e entry) bool { return !kept(e) }), sameBytes) {
		return fmt.Errorf("%w: the result would change other keys", ErrNotEditable)
	}
	return nil
}

// entryText returns a key with its value as written in the source.
func (w *writer) entryText(e entry) []byte {
	key, val := w.node(e.key)
	return w.src[e.keyStart:w.valueEnd(key, val, w.indent)]
}
