package world

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
)

// synapsePackages come from PyPI.
var synapsePackages = []string{"matrix-synapse==1.163.0", "psycopg2-binary==2.9.13"}

// setUpSynapse sets up a Synapse in a virtual environment of the cache. It
// keeps its data in the run's PostgreSQL, if there is one, and in SQLite
// otherwise.
func setUpSynapse(ctx context.Context, s *Server) (*setup, error) {
	python, err := s.world.synapse(ctx)
	if err != nil {
		return nil, err
	}
	database, err := s.synapseDatabase(ctx)
	if err != nil {
		return nil, err
	}
	p, err := takePort()
	if err != nil {
		return nil, err
	}
	secret := rand.Text()
	config := filepath.Join(s.dir, "homeserver.yaml")
	seed := make([]byte, 32) // of an Ed25519 key
	_, _ = rand.Read(seed)   // never fails
	if err := writeFiles(map[string]string{
		config:                              asJSON(synapseConfig(s.dir, p, secret, database)),
		filepath.Join(s.dir, "log.yaml"):    asJSON(synapseLog),
		filepath.Join(s.dir, "signing.key"): "ed25519 testenv " + base64.RawStdEncoding.EncodeToString(seed) + "\n",
	}); err != nil {
		p.release()
		return nil, err
	}
	return &setup{
		where: "http://" + p.addr(),
		env:   matrixEnv(p, Synapse, secret),
		commands: []command{{
			path: python, args: []string{"-m", "synapse.app.homeserver", "-c", config}, env: []string{"PYTHONDONTWRITEBYTECODE=1"},
			answers: matrixAnswers(p), stop: syscall.SIGTERM, quit: syscall.SIGKILL,
		}},
		release: p.release,
	}, nil
}

func synapseConfig(dir string, p *port, secret string, database map[string]any) map[string]any {
	config := map[string]any{
		"server_name": serverName, "pid_file": filepath.Join(dir, "synapse.pid"), "log_config": filepath.Join(dir, "log.yaml"),
		"listeners": []any{map[string]any{
			"port": p.number, "bind_addresses": []string{"127.0.0.1"}, "type": "http", "tls": false,
			"resources": []any{map[string]any{"names": []string{"client"}, "compress": false}},
		}},
		"database":            database,
		"enable_registration": false, "registration_shared_secret": secret, "bcrypt_rounds": 4,
		"signing_key_path": filepath.Join(dir, "signing.key"), "media_store_path": filepath.Join(dir, "media"),
		"trusted_key_servers": []any{}, "federation_domain_whitelist": []any{}, "report_stats": false,
		"macaroon_secret_key": rand.Text(), "form_secret": rand.Text(),
	}
	free := map[string]any{"per_second": 1_000_000, "burst_count": 1_000_000} // no limit
	for _, what := range []string{
		"rc_message", "rc_registration", "rc_registration_token_validity", "rc_admin_redaction", "rc_joins_per_room",
		"rc_3pid_validation", "rc_media_create", "rc_room_creation", "rc_reports",
	} {
		config[what] = free
	}
	config["rc_login"] = map[string]any{"address": free, "account": free, "failed_attempts": free}
	config["rc_joins"] = map[string]any{"local": free, "remote": free}
	config["rc_invites"] = map[string]any{"per_room": free, "per_user": free, "per_issuer": free}
	config["rc_presence"] = map[string]any{"per_user": free}
	return config
}

var synapseLog = map[string]any{
	"version":    1,
	"formatters": map[string]any{"line": map[string]any{"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
	"handlers":   map[string]any{"console": map[string]any{"class": "logging.StreamHandler", "formatter": "line"}},
	"root":       map[string]any{"level": "WARNING", "handlers": []string{"console"}},
}

// synapseDatabase waits for the run's PostgreSQL and creates a database in it.
// Without one it is SQLite.
func (s *Server) synapseDatabase(ctx context.Context) (map[string]any, error) {
	if s.world.shared == nil {
		return map[string]any{
			"name": "sqlite3",
			"args": map[string]any{"database": filepath.Join(s.dir, "homeserver.db")},
		}, nil
	}
	select {
	case <-s.world.shared.done:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if s.world.shared.server == nil {
		return nil, &core.Error{Code: core.CodeUnavailable, Message: "the PostgreSQL of this run did not start"}
	}
	u, err := url.Parse(s.world.shared.server.Env()["TESTENV_POSTGRES_URL"])
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	name := "synapse_" + s.ID
	// Synapse refuses another collation than C.
	statement := "CREATE DATABASE " + name + " ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
	if err := psql(ctx, postgresBin(), u.Port(), password, statement); err != nil {
		return nil, err
	}
	return map[string]any{"name": "psycopg2", "args": map[string]any{
		"host": u.Hostname(), "port": u.Port(), "user": u.User.Username(), "password": password, "dbname": name, "cp_min": 1, "cp_max": 5,
	}}, nil
}

// synapse returns the path of a Python with Synapse, and installs it if it is
// not in the cache.
func (w *World) synapse(ctx context.Context) (string, error) {
	base, err := w.need(ctx, Synapse, pythonWithVenv, "python3-venv")
	if err != nil {
		return "", err
	}
	version, err := call(ctx, command{path: base, args: []string{"--version"}})
	if err != nil {
		return "", err
	}
	inputs := append([]string{base, version}, synapsePackages...)
	what := fmt.Sprintf("matrix: installing Synapse from PyPI (%s)", strings.TrimSpace(version))
	dir, err := w.cached(ctx, "synapse", inputs, what, func(ctx context.Context, dir string) error {
		env := []string{"TMPDIR=" + w.cfg.Dir} // leftovers of a killed installation are removed with the run
		if err := long(ctx, "/", env, base, "-m", "venv", dir); err != nil {
			return err
		}
		args := append([]string{"-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"}, synapsePackages...)
		return long(ctx, "/", env, filepath.Join(dir, "bin", "python"), args...)
	})
	return filepath.Join(dir, "bin", "python"), err
}

// pythonWithVenv returns a Python that is new enough for Synapse and can make
// virtual environments, or "".
func pythonWithVenv() string {
	for _, path := range []string{find("python3"), "/usr/bin/python3"} {
		const test = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"
		if path != "" && exec.Command(path, "-c", test).Run() == nil {
			return path
		}
	}
	return ""
}
