package revision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// mostOutput limits git's output: the patches of a hundred versions of a spec
// are a tenth of it.
const mostOutput = 8 << 20

// output runs git in a folder and returns its output; an error contains its
// stderr. It is a minimal os/exec for one program, since registry_api, which
// runs nothing else, is 0.05 MB smaller without os/exec.
func output(ctx context.Context, dir string, args ...string) ([]byte, error) {
	program, err := findGit()
	if err != nil {
		return nil, err
	}
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer nothing.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	argv := append([]string{"git", "-C", dir}, args...)
	process, err := os.StartProcess(program, argv, &os.ProcAttr{Files: []*os.File{nothing, in, in}, Env: environment(careful)})
	in.Close() // the process has its own
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { process.Kill() })
	text, readErr := io.ReadAll(io.LimitReader(out, mostOutput+1))
	if len(text) > mostOutput {
		process.Kill()
		readErr = fmt.Errorf("git %s prints more than %d bytes", args[0], mostOutput)
	}
	state, err := process.Wait()
	if !stop() {
		return nil, ctx.Err()
	}
	if err := errors.Join(readErr, err); err != nil {
		return nil, err
	}
	if !state.Success() {
		return nil, fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(text)))
	}
	return text, nil
}

// findGit looks for git in the folders of PATH. It skips relative ones: a
// repository must not bring its own git.
func findGit() (string, error) {
	name := "git"
	if runtime.GOOS == "windows" {
		name = "git.exe"
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, name)
		info, err := os.Stat(file)
		if err == nil && filepath.IsAbs(file) && !info.IsDir() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows") {
			return file, nil
		}
	}
	return "", errors.New("git is not in a folder of PATH")
}
