package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"fnregistry.dev/fn_registry/registry"
)

const similarHelp = `Say what you are about to write, in words and with the signature as far as you know it, and get the units that do it already.

  fn similar wait longer after each failed try --signature 'func(attempt int) time.Duration'

Exit code 1 where nothing is like it.`

func (e *env) similarCommand() *cobra.Command {
	var d registry.Draft
	var limit int
	c := &cobra.Command{
		Use:               "similar [DESCRIPTION...]",
		Short:             "find near duplicates of what you are about to write",
		Long:              similarHelp,
		ValidArgsFunction: noCompletion,
		RunE: func(c *cobra.Command, words []string) error {
			d.Description = strings.Join(words, " ")
			if strings.TrimSpace(d.Description+d.Name+d.Signature+strings.Join(d.Tags, "")) == "" {
				return &usageError{message: "fn similar needs a description or a signature", hint: c.UseLine()}
			}
			if limit < 1 {
				return &usageError{message: "--limit is not at least 1"}
			}
			s, done, err := e.state(c.Context())
			if err != nil {
				return err
			}
			defer done()
			found, err := s.Similar(d, limit)
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
		},
	}
	f := c.Flags()
	f.StringVar(&d.Name, "name", "", "the name that it is to have")
	f.StringVar(&d.Signature, "signature", "", "its Go signature")
	f.StringSliceVar(&d.Tags, "tag", nil, "tags")
	f.IntVar(&limit, "limit", 5, fmt.Sprintf("how many to show, at most %d", registry.MaxSimilar))
	return c
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
