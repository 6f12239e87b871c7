package check

import (
	"path"
	"slices"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/docnote"
	"fnregistry.dev/fn_registry/spec"
)

var docCommentRule = &Rule{
	Name: "doc-comment", Severity: Error, Summary: "a unit's doc comment ends with its spec's name and first gotchas",
	Explanation: "People and agents read `go doc` first, and it does not show the spec. If fn_registry.yaml sets `doc_notes: true`, the doc comment of each unit's declaration ends with a note: " +
		"`More in NAME.md:` and the first sentences of the spec's first two gotchas, so put the worst ones first. A unit tagged `stub` needs none.\n\n" +
		"The note is generated; edit the gotchas. `-fix` writes it.",
	unit: func(p *pass, u *catalog.Unit) {
		if u.Code == nil || !p.catalog.Roots[u.Dir.Root].Config.DocNotes || slices.Contains(u.Spec.Tags, spec.TagStub) {
			return
		}
		src, err := p.catalog.Source(u.Dir, u.Code.File)
		if err != nil {
			return // reported by the rule that says why
		}
		var gotchas string
		for _, s := range p.document().Body.Sections {
			if s.Kind == spec.SectionGotchas {
				gotchas = s.Text
			}
		}
		file := path.Base(u.File)
		edits := docnote.Edits(src, u.Code.Pos.Line, docnote.Lines(file, gotchas))
		if len(edits) == 0 {
			return
		}
		fix := &Fix{Description: "write the note from " + file, File: u.Code.File, Edits: edits, code: true}
		p.at(u, u.Dir.Root, u.Code.File, u.Code.Pos.Line, u.Code.Pos.Column, fix,
			"the doc comment of %s does not end with the first gotchas of %s", u.Code.Symbol, file)
	},
}
