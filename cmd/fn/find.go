package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/program"
)

const findHelp = `Find units by words, by signature, or by their properties.

  fn find retry backoff             units about these words, best first; typos are tolerated
  fn find 'tag:sql purity:pure'     field words: kind, lang, domain, tag, purity, tested, imports, uses, used_by
  fn find -- retry -tag:http        a - before a word excludes it; -- keeps it from being read as a flag
  fn find 'func(string) (int, error)'   by signature: parameters in any order, _ for any type, also partial
  fn find --domain core --tag error     without words: everything that matches the flags

Exit code 1 if nothing is found.`

// findLimit is a screenful, and keeps an agent's context small.
const findLimit = 10

type findOptions struct {
	common
	Kind   []string `yaml:"-" flag:"kind" doc:"only of these kinds: function, type, pipeline, app"`
	Domain []string `yaml:"-" flag:"domain" doc:"only of these domains"`
	Tag    []string `yaml:"-" flag:"tag" doc:"only with all of these tags"`
	Purity []string `yaml:"-" flag:"purity" doc:"only pure, or only impure"`
	Limit  int      `yaml:"-" flag:"limit" doc:"how many to show, at most 200" min:"1"`
	Cursor string   `yaml:"-" flag:"cursor" doc:"next_cursor of a JSON answer: show what comes after it"`
}

func findCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*findOptions]{
		Name: "find", Args: "WORDS...|SIGNATURE", MaxArgs: -1, Doc: "find units by words or by signature", Help: findHelp,
		Defaults: &findOptions{Limit: findLimit},
	}, find, nil)
}

func find(ctx context.Context, e *env, o *findOptions, words []string) error {
	q := registry.Query{
		Text: strings.Join(words, " "), Kind: o.Kind, Domain: o.Domain, Tag: o.Tag, Purity: o.Purity, Limit: o.Limit, Cursor: o.Cursor,
	}
	filtered := len(q.Kind)+len(q.Domain)+len(q.Tag)+len(q.Purity) > 0
	if !strings.ContainsFunc(q.Text, isLetterOrDigit) && !filtered { // a lone quote would list all units
		return &usageError{message: "fn find needs words or a signature", hint: "fn find --help shows how"}
	}
	s, done, err := e.state(ctx)
	if err != nil {
		return err
	}
	defer done()
	page, err := s.Find(q)
	if err != nil {
		return named(err, "q", "the query")
	}
	if err := e.answer(page, func(w io.Writer) { writePage(w, page) }); err != nil {
		return err
	}
	e.remark(page)
	if len(page.Items) == 0 {
		return errNothing
	}
	return nil
}

func writePage(w io.Writer, p *registry.Page) {
	for i, it := range p.Items {
		if i > 0 {
			fmt.Fprintln(w)
		}
		writeItem(w, it)
	}
}

// remark prints notes about the list to stderr.
func (e *env) remark(p *registry.Page) {
	notes := problems(p)
	if !e.json {
		notes = append(notes, understood(p)...)
		if p.NextCursor != nil && !p.Partial {
			notes = append(notes, fmt.Sprintf("%d of %d; --limit shows more", len(p.Items), p.Total))
		}
	}
	for _, n := range notes {
		fmt.Fprintln(e.err, "fn:", n)
	}
}

// problems lists the parts of a query that were not understood.
func problems(p *registry.Page) []string {
	list := []string{}
	for _, pr := range p.Problems {
		list = append(list, pr.String())
	}
	return list
}

// understood reports how the query's words were interpreted, and which of them
// no unit has.
func understood(p *registry.Page) []string {
	var notes, unknown []string
	for _, word := range p.Words {
		switch {
		case word.Loose && len(word.Near) > 0 && len(p.Items) > 0:
			notes = append(notes, word.Text+" was taken for "+strings.Join(word.Near[:min(3, len(word.Near))], ", "))
		case word.Units == 0:
			unknown = append(unknown, fmt.Sprintf("%q", word.Text))
		}
	}
	if len(unknown) > 0 {
		notes = append(notes, "no unit has "+strings.Join(unknown, " or "))
	}
	switch {
	case p.Total == 0:
		notes = append(notes, "nothing found")
	case p.Partial:
		notes = append(notes, fmt.Sprintf("no unit has all of these words; %s some of them", have(p.Total)))
	}
	return notes
}

func have(n int) string {
	if n == 1 {
		return "1 has"
	}
	return fmt.Sprintf("%d have", n)
}

func isLetterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
