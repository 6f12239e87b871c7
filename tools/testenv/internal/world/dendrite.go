package world

import (
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
)

const dendritePackage = "github.com/matrix-org/dendrite/cmd/dendrite"

// setUpDendrite sets up a Dendrite, built from the version in this module's
// go.mod, on SQLite.
func setUpDendrite(ctx context.Context, s *Server) (*setup, error) {
	path, err := s.world.dendrite(ctx)
	if err != nil {
		return nil, err
	}
	p, err := takePort()
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	config := filepath.Join(s.dir, "dendrite.yaml")
	seed := make([]byte, 32) // of an Ed25519 key
	_, _ = rand.Read(seed)   // never fails
	key := pem.EncodeToMemory(
		&pem.Block{Type: "MATRIX PRIVATE KEY", Headers: map[string]string{"Key-ID": "ed25519:testenv"}, Bytes: seed},
	)
	if err := writeFiles(map[string]string{
		config:                                 asJSON(dendriteConfig(s.dir, secret)),
		filepath.Join(s.dir, "matrix_key.pem"): string(key),
	}); err != nil {
		p.release()
		return nil, err
	}
	return &setup{
		where: "http://" + p.addr(),
		env:   matrixEnv(p, Dendrite, secret),
		commands: []command{{
			path: path, args: []string{"-config", config, "-http-bind-address", p.addr()},
			answers: matrixAnswers(p), stop: syscall.SIGTERM, quit: syscall.SIGKILL,
		}},
		release: p.release,
	}, nil
}

// sqliteOptions make Dendrite four times as fast (320 messages a second instead
// of 80); its commits survive a SIGKILL of Dendrite, though not a power cut.
// Dendrite uses only the URL's path, unescaped, so the question mark is
// escaped; the first two options are for its cgo driver, the others for the one
// without cgo.
const sqliteOptions = "%3F_journal_mode=WAL%26_synchronous=OFF%26_pragma=journal_mode(WAL)%26_pragma=synchronous(OFF)"

func dendriteConfig(dir, secret string) map[string]any {
	database := func(name string) map[string]any {
		return map[string]any{"connection_string": "file://" + filepath.Join(dir, name+".db") + sqliteOptions}
	}
	return map[string]any{
		"version": 2,
		"global": map[string]any{
			"server_name": serverName, "private_key": filepath.Join(dir, "matrix_key.pem"), "disable_federation": true,
			"jetstream": map[string]any{"storage_path": filepath.Join(dir, "jetstream")},
			"presence":  map[string]any{"enable_inbound": false, "enable_outbound": false},
			"cache":     map[string]any{"max_size_estimated": "64mb"},
		},
		"client_api": map[string]any{
			"registration_disabled": true, "registration_shared_secret": secret, "rate_limiting": map[string]any{"enabled": false},
		},
		"media_api":      map[string]any{"base_path": filepath.Join(dir, "media"), "database": database("media")},
		"sync_api":       map[string]any{"database": database("sync")},
		"user_api":       map[string]any{"account_database": database("accounts"), "device_database": database("devices"), "bcrypt_cost": 4},
		"room_server":    map[string]any{"database": database("rooms")},
		"key_server":     map[string]any{"database": database("keys")},
		"federation_api": map[string]any{"database": database("federation"), "key_perspectives": []any{}},
		"relay_api":      map[string]any{"database": database("relay")},
		"mscs":           map[string]any{"database": database("mscs"), "mscs": []any{}},
		"logging":        []any{map[string]any{"type": "std", "level": "warn"}},
	}
}

// dendrite returns the path of the program, and builds it if this version is
// not in the cache.
func (w *World) dendrite(ctx context.Context) (string, error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return "", &core.Error{
			Code:    core.CodeUnavailable,
			Message: "building the homeserver needs the go command",
			Hint:    "install Go, or use matrix=synapse",
		}
	}
	toolchain, err := call(
		ctx,
		command{path: goTool, args: []string{"env", "GOVERSION", "GOOS", "GOARCH", "CGO_ENABLED"}, env: os.Environ()},
	)
	if err != nil {
		return "", err
	}
	inputs := []string{withoutSiblings(w.cfg.GoMod), string(w.cfg.GoSum), toolchain}
	dir, err := w.cached(ctx, "dendrite", inputs, "matrix: building Dendrite, which takes a few minutes the first time", func(ctx context.Context, dir string) error {
		return w.buildDendrite(ctx, goTool, dir)
	})
	return filepath.Join(dir, "dendrite"), err
}

// withoutSiblings drops the lines of this repository's modules, which are not
// built.
func withoutSiblings(goMod []byte) string {
	var kept strings.Builder
	for line := range strings.Lines(string(goMod)) {
		if !strings.Contains(line, "fnregistry.dev/") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// buildDendrite builds with a copy of this module's go.mod, so that it needs
// neither its source nor a workspace.
func (w *World) buildDendrite(ctx context.Context, goTool, dir string) error {
	source, err := os.MkdirTemp(w.cfg.Dir, "build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(source)
	if err := errors.Join(
		os.WriteFile(filepath.Join(source, "go.mod"), w.cfg.GoMod, 0o600),
		os.WriteFile(filepath.Join(source, "go.sum"), w.cfg.GoSum, 0o600),
	); err != nil {
		return err
	}
	env := []string{"GOWORK=off", "GOFLAGS=", "GOTMPDIR=" + source} // leftovers of a killed build are removed with the run
	// The sibling modules are replaced by relative paths, which lead nowhere
	// from here. Dendrite needs none of them.
	edit := []string{"mod", "edit"}
	for _, sibling := range []string{"fnregistry.dev/functions", "fnregistry.dev/tools/testenv/testkit"} {
		edit = append(edit, "-droprequire="+sibling, "-dropreplace="+sibling)
	}
	if err := long(ctx, source, env, goTool, edit...); err != nil {
		return err
	}
	return long(ctx, source, env, goTool, "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "dendrite"), dendritePackage)
}
