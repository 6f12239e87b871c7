package world

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

	"fnregistry.dev/functions/core"
)

// setUpKeyring sets up a D-Bus session with a gnome-keyring whose login keyring
// is unlocked.
func setUpKeyring(ctx context.Context, s *Server) (*setup, error) {
	daemon, err := s.world.need(ctx, Keyring, func() string {
		if find("dbus-daemon") == "" || find("dbus-send") == "" {
			return ""
		}
		return find("gnome-keyring-daemon")
	}, "gnome-keyring", "dbus")
	if err != nil {
		return nil, err
	}
	socket, config := filepath.Join(s.dir, "bus"), filepath.Join(s.dir, "bus.conf")
	if len(socket) > 100 { // sun_path of unix(7) has 108, and gnome-keyring's own socket has a longer name
		return nil, &core.Error{
			Code:    core.CodeInvalid,
			Message: "the temporary folder's name is too long for a socket: " + socket,
			Hint:    "set TMPDIR to a shorter one",
		}
	}
	if err := writeFiles(map[string]string{config: fmt.Sprintf(busConfig, socket)}); err != nil {
		return nil, err
	}
	bus := "unix:path=" + socket
	env := []string{
		"DBUS_SESSION_BUS_ADDRESS=" + bus,
		"XDG_DATA_HOME=" + s.dir,
		"XDG_CONFIG_HOME=" + s.dir,
		"XDG_CACHE_HOME=" + s.dir,
		"XDG_RUNTIME_DIR=" + s.dir,
	}
	return &setup{
		where: bus,
		env:   map[string]string{"TESTENV_KEYRING": "1", "DBUS_SESSION_BUS_ADDRESS": bus},
		commands: []command{{
			path: find("dbus-daemon"), args: []string{"--nofork", "--nopidfile", "--config-file=" + config}, env: env,
			answers: func(ctx context.Context) error { return busAnswers(ctx, env) },
			stop:    syscall.SIGTERM, quit: syscall.SIGKILL,
		}, {
			path: daemon, args: []string{"--foreground", "--unlock", "--components=secrets", "--control-directory=" + s.dir}, env: env,
			stdin:   rand.Text(), // the keyring's password: chosen at the first start, and the same at each later one
			answers: func(ctx context.Context) error { return unlocked(ctx, env) },
			stop:    syscall.SIGTERM, quit: syscall.SIGKILL,
		}},
	}, nil
}

// busConfig is a session bus that starts no services by itself: a killed
// keyring must stay down.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
	<type>session</type>
	<listen>unix:path=%s</listen>
	<auth>EXTERNAL</auth>
	<policy context="default">
		<allow send_destination="*" eavesdrop="true"/>
		<allow eavesdrop="true"/>
		<allow own="*"/>
	</policy>
</busconfig>
`

// unlocked queries the login keyring's state.
func unlocked(ctx context.Context, env []string) error {
	answer, err := busCall(ctx, env, "org.freedesktop.secrets", "/org/freedesktop/secrets/collection/login", "org.freedesktop.DBus.Properties.Get",
		"string:org.freedesktop.Secret.Collection", "string:Locked")
	if err == nil && !strings.Contains(answer, "boolean false") {
		err = errors.New("the login keyring is locked")
	}
	return err
}

func busAnswers(ctx context.Context, env []string) error {
	_, err := busCall(ctx, env, "org.freedesktop.DBus", "/", "org.freedesktop.DBus.GetId")
	return err
}

func busCall(ctx context.Context, env []string, destination, object, method string, args ...string) (string, error) {
	return call(ctx, command{
		path: find("dbus-send"), env: env,
		args: append([]string{"--session", "--print-reply", "--reply-timeout=5000", "--dest=" + destination, object, method}, args...),
	})
}
