package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/stream"
)

// maxText is how much of stdin may be one message: more fits into no event.
const maxText = 65_536

// isStdin reports whether a text stands for stdin.
func isStdin(words []string) bool { return len(words) == 1 && words[0] == "-" }

// texts are the messages to send: that of the arguments, or those of stdin. An
// error is the last.
func texts(ctx context.Context, c call, words []string, lines bool) iter.Seq2[string, error] {
	if !isStdin(words) {
		return func(yield func(string, error) bool) { yield(strings.Join(words, " "), nil) }
	}
	read := readAll
	if lines {
		read = readLines
	}
	return func(yield func(string, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		results := make(chan result)
		go func() { // a read that waits for input ends with the process
			defer close(results)
			read(c.Stdin, func(r result) bool {
				select {
				case results <- r:
					return r.err == nil
				case <-ctx.Done():
					return false
				}
			})
		}()
		for {
			select {
			case <-ctx.Done():
				yield("", ctx.Err())
				return
			case r, more := <-results:
				if !more || !yield(r.text, r.err) || r.err != nil {
					return
				}
			}
		}
	}
}

// result is a text, or why there is none.
type result struct {
	text string
	err  error
}

func readAll(in io.Reader, give func(result) bool) {
	text, err := io.ReadAll(io.LimitReader(in, maxText+1))
	message := strings.TrimRight(string(text), "\r\n")
	switch {
	case err != nil:
		err = &core.Error{Code: core.CodeUnavailable, Message: "stdin can't be read", Err: err}
	case len(text) > maxText:
		err = &core.Error{
			Code:    core.CodeTooLarge,
			Message: fmt.Sprintf("stdin has more than %d bytes, too much for one message", maxText),
			Hint:    "send each line with --lines, or a file with matrix_tail upload",
		}
	case strings.TrimSpace(message) == "":
		err = &core.Error{Code: core.CodeInvalid, Message: "stdin is empty: there is nothing to send"}
	}
	give(result{message, err})
}

func readLines(in io.Reader, give func(result) bool) {
	lines, err := stream.LineRead(in, stream.LineReadConfig{MaxBytes: maxText})
	if err != nil {
		give(result{err: err})
		return
	}
	for number := 1; ; number++ {
		line, err := lines.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			give(result{err: &core.Error{Code: core.CodeUnavailable, Message: "stdin can't be read", Err: err}})
			return
		}
		if line.Dropped > 0 {
			give(result{err: &core.Error{
				Code: core.CodeTooLarge, Message: fmt.Sprintf("line %d has more than %d bytes", number, maxText),
				Hint: "the lines before it were sent",
			}})
			return
		}
		if text := string(line.Text); strings.TrimSpace(text) != "" && !give(result{text: text}) {
			return
		}
	}
}
