// Package pagestest runs the commands in README.md, CONTRIBUTING.md and
// docs/*.md, so that the pages stay correct. A fenced block without a language,
// or with sh, contains commands, one per line; a block after a line <!-- not
// run: why --> is skipped. In a block with lines that begin with $, only these
// are commands.
// make is run with -n: a missing target fails, and nothing is built.
package pagestest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const root = "../../.."

// command is a line of a page.
type command struct {
	page string
	line int
	text string
}

func TestPages(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"))
	var commands []command
	for _, page := range pages {
		src, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		commands = append(commands, commandsOf(page, string(src))...)
	}
	if len(commands) < 20 {
		t.Fatalf("only %d commands were found", len(commands))
	}
	p := newPlace(t)
	for _, c := range commands {
		began := time.Now()
		p.run(t, c)
		t.Logf("%v %s", time.Since(began).Round(time.Millisecond), c.text)
	}
}

func TestCommandsOf(t *testing.T) {
	t.Parallel()
	const page = "# A page\n\n```\none # remark\n\ntwo\n```\n\n<!-- not run: it waits -->\n```sh\nthree\n```\n\n```json\n{}\n```\n```\n$ four\nits answer\n```\n"
	got := ""
	for _, c := range commandsOf("p", page) {
		got += fmt.Sprintf("%d:%s ", c.line, c.text)
	}
	if want := "4:one # remark 6:two 18:four "; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// commandsOf lists the commands of a page.
func commandsOf(page, src string) []command {
	var all, block []command
	fence, take, dollars, before := false, false, false, ""
	for i, line := range strings.Split(src, "\n") {
		switch lang, mark := strings.CutPrefix(line, "```"); {
		case mark && !fence:
			fence, dollars, block = true, false, nil
			take = (lang == "" || lang == "sh") && !strings.HasPrefix(before, "<!-- not run: ")
		case mark:
			fence = false
			for _, c := range block {
				text, ok := strings.CutPrefix(c.text, "$ ")
				if c.text = text; take && ok == dollars {
					all = append(all, c)
				}
			}
		case fence:
			dollars = dollars || strings.HasPrefix(line, "$ ")
			if strings.TrimSpace(line) != "" {
				block = append(block, command{page, i + 1, line})
			}
		}
		if strings.TrimSpace(line) != "" {
			before = line
		}
	}
	return joined(all)
}

// joined joins lines that end in a backslash with the next one.
func joined(commands []command) []command {
	var all []command
	for _, c := range commands {
		if n := len(all) - 1; n >= 0 && strings.HasSuffix(all[n].text, "\\") {
			all[n].text = strings.TrimSuffix(all[n].text, "\\") + strings.TrimSpace(c.text)
			continue
		}
		all = append(all, c)
	}
	return all
}

// place is a copy of the repository with a registry_api that serves it.
type place struct {
	dir, url string
	env      []string
}

func newPlace(t *testing.T) *place {
	t.Helper()
	dir, bin, home := t.TempDir(), t.TempDir(), t.TempDir()
	copyTree(t, dir)
	for _, name := range []string{"cmd/fn", "cmd/registry_api", "tools/frontmatter-lint"} {
		build := exec.Command("go", "build", "-o", bin+"/", "./"+name)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, out)
		}
	}
	makePath, err := exec.LookPath("make")
	if err != nil {
		t.Fatal(err)
	}
	script(t, filepath.Join(bin, "make"), "exec "+makePath+" -n \"$@\"")
	p := &place{dir: dir, env: append(os.Environ(),
		"PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "HOME="+home, "XDG_CACHE_HOME="+t.TempDir(),
		"GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOPATH="+goEnv(t, "GOPATH"))}
	p.url = p.serve(t, filepath.Join(bin, "registry_api"))
	return p
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// copyTree copies the files that git tracks, or would add.
func copyTree(t *testing.T, to string) {
	t.Helper()
	list := exec.Command("git", "ls-files", "-co", "--exclude-standard", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() {
			continue // deleted, or a link
		}
		src, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, src, info.Mode().Perm()); err != nil {
			t.Fatal(err)
		}
	}
}

// serve starts the server for the pages' curl commands, and returns its URL.
func (p *place) serve(t *testing.T, program string) string {
	t.Helper()
	read, write := io.Pipe()
	server := exec.CommandContext(t.Context(), program, "-addr", "127.0.0.1:0", "-root", p.dir)
	server.Env, server.Stdout, server.Stderr = p.env, write, write
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	server.WaitDelay = 10 * time.Second
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	url := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(read)
		for lines.Scan() {
			if _, rest, ok := strings.Cut(lines.Text(), "http://"); ok {
				select {
				case url <- "http://" + strings.Trim(strings.Fields(rest)[0], `"/,`):
				default:
				}
			}
		}
	}()
	t.Cleanup(func() { server.Wait(); write.Close() })
	select {
	case u := <-url:
		return u
	case <-time.After(5 * time.Minute):
		t.Fatal("registry_api does not say where it listens")
		return ""
	}
}

func (p *place) run(t *testing.T, c command) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	text := strings.ReplaceAll(c.text, "http://127.0.0.1:8787", p.url)
	if rest, ok := strings.CutPrefix(text, "curl "); ok {
		text = "curl --silent --show-error --retry 5 --retry-connrefused " + rest
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", text)
	cmd.Dir, cmd.Env, cmd.WaitDelay = p.dir, p.env, 10*time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s:%d: %s: %v\n%s", strings.TrimPrefix(c.page, root+"/"), c.line, c.text, err, out)
	}
}
