//go:build unix

package file_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"fnregistry.dev/functions/infra/file"
	"fnregistry.dev/functions/internal/childtest"
)

func init() { children["rotate"] = childRotate }

// childRotate writes numbered lines from args[1] on, and says each when it is
// written.
func childRotate(args []string) string {
	from, err := strconv.Atoi(args[1])
	if err != nil {
		return err.Error()
	}
	h, err := file.FileRotate(file.FileRotateConfig{Path: args[0], MaxBytes: 300, Keep: 10_000, Gzip: true})
	if err != nil {
		return err.Error()
	}
	for n := from; ; n++ {
		if _, err := fmt.Fprintf(h, "%d\n", n); err != nil {
			return err.Error()
		}
		fmt.Println(n)
	}
}

// A process that is killed while it writes, rotates and compresses loses no
// line that it has written.
func TestFileRotate_Killed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	next := 0
	for range 20 {
		cmd := childtest.Command(t, "rotate", path, strconv.Itoa(next))
		output, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		most := rand.IntN(600)
		said := bufio.NewScanner(output)
		for n := 0; said.Scan(); n++ {
			if next, err = strconv.Atoi(said.Text()); err != nil {
				t.Fatalf("%q", said.Text())
			}
			if n == most {
				_ = cmd.Process.Kill()
			}
		}
		_ = cmd.Wait()
		next++
	}
	h := rotate(t, file.FileRotateConfig{Path: path, Keep: 10_000, Gzip: true})
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for name, content := range logs(t, path) {
		if !strings.Contains(name, "tmp") {
			for _, line := range strings.Fields(content) {
				seen[line] = true
			}
		}
	}
	for n := range next {
		if !seen[strconv.Itoa(n)] {
			t.Fatalf("line %d of %d is lost", n, next)
		}
	}
}
