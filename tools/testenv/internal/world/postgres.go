package world

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"fnregistry.dev/functions/core"
)

const postgresUser = "testenv"

// setUpPostgres sets up Debian's PostgreSQL server. Its data folder is copied
// from the cache. fsync stays on: tests kill it and check what it has
// acknowledged.
func setUpPostgres(ctx context.Context, s *Server) (*setup, error) {
	bin, err := s.world.need(ctx, Postgres, postgresBin, "postgresql")
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged("postgres")
	if err != nil {
		return nil, err
	}
	template, err := s.world.postgresTemplate(ctx, bin, owner)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(s.dir, "data")
	if _, err := call(ctx, command{path: "cp", args: []string{"-a", "--reflink=auto", filepath.Join(template, "data"), data}}); err != nil {
		return nil, err
	}
	password := rand.Text()
	if _, err := call(ctx, command{
		path: filepath.Join(bin, "postgres"), args: []string{"--single", "-D", data, "postgres"}, user: owner,
		stdin: "ALTER ROLE " + postgresUser + " PASSWORD '" + password + "'\n",
	}); err != nil {
		return nil, err
	}
	p, err := takePort()
	if err != nil {
		return nil, err
	}
	number := strconv.Itoa(p.number)
	args := []string{"-D", data, "-p", number}
	for _, setting := range []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200",
		"dynamic_shared_memory_type=mmap", // in the data folder, so that nothing is left behind
	} {
		args = append(args, "-c", setting)
	}
	return &setup{
		where: p.addr(),
		env: map[string]string{
			"TESTENV_POSTGRES_URL": fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", postgresUser, password, p.addr()),
		},
		commands: []command{{
			path: filepath.Join(bin, "postgres"), args: args, user: owner,
			answers: func(ctx context.Context) error { return psql(ctx, bin, number, password, "select 1") },
			stop:    syscall.SIGINT,  // "fast": ends sessions, writes a checkpoint
			quit:    syscall.SIGQUIT, // "immediate": frees its shared memory, saves nothing
		}},
		release: p.release,
	}, nil
}

// psql lets the server on the port execute a statement, as the superuser.
func psql(ctx context.Context, bin, port, password, statement string) error {
	_, err := call(ctx, command{
		path: filepath.Join(bin, "psql"), env: []string{"PGPASSWORD=" + password, "PGCONNECT_TIMEOUT=5", "PGSSLMODE=disable"},
		args: []string{"-X", "-w", "-q", "-h", "127.0.0.1", "-p", port, "-U", postgresUser, "-d", "postgres", "-c", statement},
	})
	return err
}

// postgresTemplate returns a folder of the cache with a data folder as created
// by initdb.
func (w *World) postgresTemplate(ctx context.Context, bin string, owner *syscall.Credential) (string, error) {
	version, err := call(ctx, command{path: filepath.Join(bin, "postgres"), args: []string{"--version"}})
	if err != nil {
		return "", err
	}
	args := []string{
		"--username=" + postgresUser,
		"--auth=scram-sha-256",
		"--encoding=UTF8",
		"--locale=C.UTF-8",
		"--no-sync",
	}
	inputs := append([]string{version, fmt.Sprint(os.Geteuid(), owner)}, args...)
	if owner != nil {
		inputs[1] = fmt.Sprint(owner.Uid, owner.Gid)
	}
	return w.cached(ctx, "postgres", inputs, "postgres: initdb for later copies", func(ctx context.Context, dir string) error {
		return initdb(ctx, w.cfg.Dir, filepath.Join(bin, "initdb"), args, owner, dir)
	})
}

// initdb fills dir/data. It works in the run's folder, since owner may not have
// access to the cache.
func initdb(ctx context.Context, run, path string, args []string, owner *syscall.Credential, dir string) error {
	work, err := os.MkdirTemp(run, "initdb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	password := filepath.Join(work, "password") // never used: each server gets its own
	if err := os.WriteFile(password, []byte(rand.Text()+"\n"), 0o600); err != nil {
		return err
	}
	if owner != nil {
		for _, path := range []string{work, password} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
	}
	data := filepath.Join(work, "data")
	if _, err := call(ctx, command{path: path, args: append(slices.Clone(args), "--pwfile="+password, "-D", data), user: owner}); err != nil {
		if os.Geteuid() == 0 {
			return &core.Error{Code: core.CodeUnavailable, Hint: "the temporary folder must be open to the user postgres: see TMPDIR", Err: err}
		}
		return err
	}
	_, err = call(ctx, command{path: "cp", args: []string{"-a", data, dir}})
	return err
}

// postgresBin returns the folder of the newest PostgreSQL server, or "".
func postgresBin() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	best, version := "", -1
	for _, path := range found {
		if v, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))); err == nil && v > version {
			best, version = filepath.Dir(path), v
		}
	}
	if path := find("initdb"); best == "" && path != "" {
		if path, err := filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path)
		}
	}
	return best
}

// unprivileged returns the user for a server that refuses to run as root: the
// named one, or nobody. It is nil if this is not root.
func unprivileged(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// removeSharedMemory frees the System V shared memory left by a killed
// PostgreSQL, 56 bytes each time; the seventh line of postmaster.pid in its
// folder names it.
func removeSharedMemory(dir string) {
	data, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	if err != nil {
		return
	}
	lines := bytes.Split(data, []byte("\n"))
	if len(lines) < 7 {
		return
	}
	var key, id int
	if _, err := fmt.Sscan(string(lines[6]), &key, &id); err == nil {
		removeSegment(id)
	}
}
