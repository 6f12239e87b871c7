package world

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// systemDirs hold servers that are not in every user's PATH.
var systemDirs = []string{"/usr/sbin", "/sbin", "/usr/bin", "/usr/local/bin"}

// find returns the path of a program, or "" if it is not installed.
func find(program string) string {
	if path, err := exec.LookPath(program); err == nil && filepath.IsAbs(path) {
		return path
	}
	for _, dir := range systemDirs {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path
		}
	}
	return ""
}

// need makes sure that what look searches for is installed. If it is not, it
// installs Debian's packages, if possible. It returns the result of look.
func (w *World) need(ctx context.Context, kind string, look func() string, packages ...string) (string, error) {
	if path := look(); path != "" {
		return path, nil
	}
	if err := mayInstall(kind, packages, isDebian(), os.Geteuid() == 0); err != nil {
		return "", err
	}
	unlock, err := w.lock(ctx, "apt")
	if err != nil {
		return "", err
	}
	defer unlock()
	if path := look(); path != "" {
		return path, nil // another process was faster
	}
	done := w.step("%s: installing %s by apt", kind, strings.Join(packages, " "))
	env := []string{"DEBIAN_FRONTEND=noninteractive", "LC_ALL=C"} // whileLocked reads English
	for _, args := range [][]string{{"update"}, append([]string{"install", "-y", "--no-install-recommends"}, packages...)} {
		args = append([]string{"-qq"}, args...)
		if err := whileLocked(ctx, lockTries, func() error { return long(ctx, "/", env, "apt-get", args...) }); err != nil {
			return "", err
		}
	}
	done()
	if path := look(); path != "" {
		return path, nil
	}
	return "", &core.Error{
		Code:    core.CodeUnavailable,
		Message: strings.Join(packages, " ") + " is installed, but the program is not where it should be",
	}
}

// lockTries is how many seconds to wait for apt's locks.
const lockTries = 600

// whileLocked retries run once a second as long as another apt-get holds a
// lock. (DPkg::Lock::Timeout does not apply to the lock of apt-get update.)
func whileLocked(ctx context.Context, tries int, run func() error) error {
	for {
		err := run()
		tries--
		if err == nil || tries <= 0 || !strings.Contains(err.Error(), "Could not get lock") && !strings.Contains(err.Error(), "Unable to lock") {
			return err
		}
		if work.SleepContext(ctx, time.Second) != nil {
			return context.Cause(ctx)
		}
	}
}

// mayInstall returns nil for root on Debian, and an error that names the
// packages for anyone else.
func mayInstall(kind string, packages []string, debian, root bool) error {
	names := strings.Join(packages, " ")
	switch {
	case !debian:
		return &core.Error{
			Code:    core.CodeUnavailable,
			Message: kind + " is not installed",
			Hint:    "install " + names + " (as Debian calls it), then run the same command again",
		}
	case !root:
		return &core.Error{Code: core.CodeUnavailable, Message: kind + " is not installed, and only root may install it",
			Hint: "sudo apt-get install " + names + ", then run the same command again"}
	}
	return nil
}

func isDebian() bool {
	_, err := os.Stat("/etc/debian_version")
	return err == nil && find("apt-get") != ""
}
