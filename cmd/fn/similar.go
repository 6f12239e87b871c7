package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"fnregistry.dev/fn_registry/registry"
	"fnregistry.dev/functions/infra/program"
)

const similarHelp = `Describe what you are about to write, in words or with a signature, to find units that already do it.

  fn similar wait longer after each failed try --signature 'func(attempt int) time.Duration'

Exit code 1 if nothing is similar.`

type similarOptions struct {
	common
	Name      string   `yaml:"-" flag:"name" doc:"the planned name"`
	Signature string   `yaml:"-" flag:"signature" doc:"its Go signature"`
	Tags      []string `yaml:"-" flag:"tag" doc:"tags"`
	Limit     int      `yaml:"-" flag:"limit" doc:"how many to show, at most 50" min:"1"`
}

func similarCommand() *program.ProgramCommandHandle {
	return command(program.ProgramCommandConfig[*similarOptions]{
		Name: "similar", Args: "[DESCRIPTION...]", Most: -1, Doc: "find near duplicates of what you are about to write", Help: similarHelp,
		Defaults: &similarOptions{Limit: 5},
	}, similar, nil)
}

func similar(ctx context.Context, e *env, o *similarOptions, words []string) error {
	d := registry.Draft{Name: o.Name, Signature: o.Signature, Description: strings.Join(words, " "), Tags: o.Tags}
	if strings.TrimSpace(d.Description+d.Name+d.Signature+strings.Join(d.Tags, "")) == "" {
		return &usageError{
			message: "fn similar needs a description or a signature",
			hint:    "fn similar --help shows how",
		}
	}
	s, done, err := e.state(ctx)
	if err != nil {
		return err
	}
	defer done()
	found, err := s.Similar(d, o.Limit)
	if err != nil {
		return err
	}
	if err := e.answer(found, func(w io.Writer) { writeSimilar(w, found) }); err != nil {
		return err
	}
	if found.Advice == registry.AdviceWrite {
		return errNothing
	}
	return nil
}

func writeSimilar(w io.Writer, s *registry.Similar) {
	fmt.Fprintln(w, s.Message)
	for _, it := range s.Items {
		fmt.Fprintln(w)
		writeItem(w, it.Item, fmt.Sprintf("%.0f%% alike: %s", 100*it.Score, adviceWords[it.Advice]))
	}
}

var adviceWords = map[registry.Advice]string{
	registry.AdviceUse: "use it", registry.AdviceLook: "look at it", registry.AdviceWrite: "most likely by chance",
}
