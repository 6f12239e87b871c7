package terminal

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"fnregistry.dev/functions/core"
)

// SecretAskConfig says how [SecretAsk] asks. The zero value asks for
// "password".
type SecretAskConfig struct {
	Prompt string // what is asked for, without colon; default "password"
	Twice  bool   // ask again, and take it only if both are the same: for a new secret
}

// SecretAsk asks for a password on the terminal without showing it, on the
// controlling terminal (/dev/tty) where there is one, so that it works in a
// pipe too. Where no terminal is, it reads one line from stdin. The bytes are
// the caller's, to be cleared after use.
//
// Errors: CodeInvalid for an empty answer or two that differ, CodeUnavailable
// where nobody can be asked, CodeCanceled for Control-C, Control-D or when ctx
// ends. In each case the terminal is left as it was.
//
// More in secret_ask.md:
//   - With a controlling terminal it prompts there even if stdin is a pipe:
//     producer | app still prompts the user.
//   - Without one it reads stdin's first line, and may consume more of stdin
//     than that line.
func SecretAsk(ctx context.Context, cfg SecretAskConfig) ([]byte, error) {
	in, out := os.Stdin, os.Stderr
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		defer tty.Close()
		in, out = tty, tty
	}
	// One reader for both prompts: pasted or piped input may answer both.
	lines := bufio.NewReader(io.LimitReader(in, maxLine))
	ask := func(string) ([]byte, error) { return readLine(lines) }
	if term.IsTerminal(int(in.Fd())) {
		terminal := term.NewTerminal(screen{in, out}, "")
		ask = func(prompt string) ([]byte, error) { return askTerminal(ctx, in, out, terminal, prompt) }
	}
	prompt := cmp.Or(cfg.Prompt, "password")
	secret, err := ask(prompt)
	if err != nil || !cfg.Twice {
		return secret, err
	}
	again, err := ask(prompt + " again")
	defer clear(again)
	if err == nil && !bytes.Equal(secret, again) {
		err = askError(core.CodeInvalid, "the two are not the same", nil)
	}
	if err != nil {
		clear(secret)
		return nil, err
	}
	return secret, nil
}

// Passphrase is [SecretAsk] in the form that file_token_store asks by.
func (cfg SecretAskConfig) Passphrase(ctx context.Context) (string, error) {
	secret, err := SecretAsk(ctx, cfg)
	defer clear(secret)
	return string(secret), err
}

func askError(code core.Code, message string, err error) error {
	return &core.Error{Code: code, Op: "secret_ask", Message: message, Err: err}
}

// screen holds the two ends of a terminal.
type screen struct {
	io.Reader
	io.Writer
}

func askTerminal(ctx context.Context, in, out *os.File, terminal *term.Terminal, prompt string) ([]byte, error) {
	// Raw mode before the prompt appears: input typed immediately must not be
	// echoed.
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, askError(core.CodeUnavailable, "the terminal can't be set to raw mode", err)
	}
	defer term.Restore(int(in.Fd()), before)
	type answer struct {
		secret string
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		secret, err := terminal.ReadPassword(prompt + ": ")
		answers <- answer{secret, err}
	}()
	select {
	case <-ctx.Done(): // the read continues until a line arrives or the process ends
		_, _ = io.WriteString(out, "\r\n")
		return nil, askError("", "", ctx.Err())
	case a := <-answers:
		switch {
		case errors.Is(a.err, io.EOF): // Control-C or Control-D
			_, _ = io.WriteString(out, "\r\n")
			return nil, askError(core.CodeCanceled, "no "+prompt+" given", nil)
		case a.err != nil:
			return nil, askError(core.CodeUnavailable, "the terminal can't be read", a.err)
		case a.secret == "":
			return nil, askError(core.CodeInvalid, "no "+prompt+" given", nil)
		}
		return []byte(a.secret), nil
	}
}

// readLine reads a line of a pipe or file. Other readers may miss what follows
// it.
func readLine(lines *bufio.Reader) ([]byte, error) {
	line, err := lines.ReadBytes('\n')
	if err != nil && err != io.EOF {
		return nil, askError(core.CodeUnavailable, "stdin can't be read", err)
	}
	if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
		return nil, &core.Error{
			Code:    core.CodeUnavailable,
			Op:      "secret_ask",
			Message: "there is no terminal to prompt on, and stdin has no line",
		}
	}
	return line, nil
}

// maxLine is longer than any password.
const maxLine = 64 << 10
