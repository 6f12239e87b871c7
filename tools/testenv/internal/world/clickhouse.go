package world

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// setUpClickHouse sets up Debian's ClickHouse server (18.16), for the native
// protocol only.
func setUpClickHouse(ctx context.Context, s *Server) (*setup, error) {
	path, err := s.world.need(ctx, ClickHouse, func() string { return find("clickhouse-server") }, "clickhouse-server")
	if err != nil {
		return nil, err
	}
	p, err := takePort()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	config := filepath.Join(s.dir, "config.xml")
	if err := writeFiles(map[string]string{
		config:                            fmt.Sprintf(clickHouseConfig, p.number, s.dir),
		filepath.Join(s.dir, "users.xml"): fmt.Sprintf(clickHouseUsers, hexSHA256(password)),
	}); err != nil {
		p.release()
		return nil, err
	}
	return &setup{
		where: p.addr(),
		env:   map[string]string{"TESTENV_CLICKHOUSE_ADDR": p.addr(), "TESTENV_CLICKHOUSE_PASSWORD": password},
		commands: []command{{
			path: path, args: []string{"--config-file=" + config},
			answers: func(ctx context.Context) error { return clickHouseHello(ctx, p.addr(), password) },
			stop:    syscall.SIGTERM,
			quit:    syscall.SIGKILL,
		}},
		release: p.release,
	}, nil
}

// clickHouseConfig is the minimal configuration that the server starts with. It
// is formatted with the port and the server's folder.
const clickHouseConfig = `<?xml version="1.0"?>
<yandex>
	<logger><level>warning</level><console>1</console></logger>
	<listen_host>127.0.0.1</listen_host>
	<tcp_port>%[1]d</tcp_port>
	<path>%[2]s/data/</path>
	<tmp_path>%[2]s/tmp/</tmp_path>
	<format_schema_path>%[2]s/schemas/</format_schema_path>
	<users_config>users.xml</users_config>
	<default_profile>default</default_profile>
	<default_database>default</default_database>
	<mark_cache_size>67108864</mark_cache_size>
	<uncompressed_cache_size>67108864</uncompressed_cache_size>
	<timezone>UTC</timezone>
</yandex>
`

// clickHouseUsers is formatted with the SHA-256 of the password.
const clickHouseUsers = `<?xml version="1.0"?>
<yandex>
	<profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
	<quotas><default></default></quotas>
	<users>
		<default>
			<password_sha256_hex>%s</password_sha256_hex>
			<networks><ip>127.0.0.1</ip></networks>
			<profile>default</profile>
			<quota>default</quota>
		</default>
	</users>
</yandex>
`

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// clickHouseHello logs in, with the first packet of the native protocol, and
// returns an error unless the server accepts.
func clickHouseHello(ctx context.Context, addr, password string) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	const hello, major, minor, revision = 0, 1, 1, 54058 // of a client; any version that the server supports
	packet := []byte{hello}
	text := func(s string) { packet = append(binary.AppendUvarint(packet, uint64(len(s))), s...) }
	text("testenv")
	for _, n := range []uint64{major, minor, revision} {
		packet = binary.AppendUvarint(packet, n)
	}
	text("default") // the database
	text("default") // the user
	text(password)
	if _, err := conn.Write(packet); err != nil {
		return err
	}
	kind, err := bufio.NewReader(conn).ReadByte()
	if err != nil {
		return err
	}
	if kind != hello {
		return errors.New("the server refuses the login, with packet " + strconv.Itoa(int(kind)))
	}
	return nil
}

// writeFiles writes files that only this user may read.
func writeFiles(files map[string]string) error {
	for path, content := range files {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}
