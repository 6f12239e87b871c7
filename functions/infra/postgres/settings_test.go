package postgres

import (
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
)

// Nobody said anything about TLS: hosts that are reached over a network get it
// in full.
func TestSettings_TLSByHost(t *testing.T) {
	for url, want := range map[string]bool{
		"postgres://u:p@localhost/d":                         false,
		"postgres://u:p@127.0.0.1/d":                         false,
		"postgres://u:p@127.9.9.9:1/d":                       false,
		"postgres://u:p@[::1]/d":                             false,
		"postgres:///d?host=/run/postgresql":                 false,
		"postgres://u:p@localhost.example.org/d":             true,
		"postgres://u:p@10.0.0.1/d":                          true,
		"postgres://u:p@[2001:db8::1]/d":                     true,
		"postgres://u:p@localhost,db.example.org/d":          true,
		"postgresql://u:p@db.example.org/d":                  true,
		"postgres://u:p@db.example.org/d?sslmode=disable":    false,
		"postgres://u:p@/d?host=db.example.org":              true,
		"postgres://u:p@a.example.org:1,b.example.org:2/d":   true,
		"postgres://u:p@localhost/d?host=db.example.org":     true,
		"postgres://u:p@db.example.org/d?sslmode=%64isable":  false,
		"postgres://u:p@db.example.org/d?ssl%6dode=disable&": false,
	} {
		cfg, err := poolConfig(PostgresOpenConfig{URL: url})
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		tls := cfg.ConnConfig.TLSConfig
		if (tls != nil) != want || tls != nil && (tls.InsecureSkipVerify || tls.ServerName != cfg.ConnConfig.Host) {
			t.Errorf("%s: TLS is %+v, want it: %t", url, tls, want)
		}
		for _, other := range cfg.ConnConfig.Fallbacks {
			if want && other.TLSConfig == nil {
				t.Errorf("%s falls back to plain text at %s", url, other.Host)
			}
		}
	}
}

func TestSettings_StatementTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]string{-1: "", 0: "30000", time.Nanosecond: "1", 1500 * time.Microsecond: "2", time.Hour: "3600000"} {
		cfg, err := poolConfig(PostgresOpenConfig{URL: "postgres://u:p@localhost/d", StatementTimeout: timeout})
		if err != nil || cfg.ConnConfig.RuntimeParams["statement_timeout"] != want {
			t.Errorf("%v: %v, %v, want %s", timeout, cfg, err, want)
		}
	}
}

func TestSettings_PasswordOfTheQueryIsNotTurned(t *testing.T) {
	cfg, err := poolConfig(PostgresOpenConfig{URL: "postgres://u@localhost/d?password=a+b%26c&application_name=x"})
	if err != nil || cfg.ConnConfig.Password != "a+b&c" {
		t.Errorf("%v, %v", cfg, err)
	}
}

// Whatever stands in a URL, an error quotes none of it. What begins with this
// mark is the password.
func FuzzPostgresOpenURL(f *testing.F) {
	const mark = "hunter2secret"
	for _, seed := range [][2]string{
		{"postgres://user:", "@localhost/db"}, {"postgres://user:12/", "@localhost/db"}, {"postgres://user:12?", "@h/db?sslmode=prefer"}, {"postgres://u:%zz", "@h:x/d"},
		{"postgresql://u:p@h/d?password=", "&port=x"}, {"", ""}, {"postgres://`", "`@h:x/d"}, {"postgres://u:", "@[::1/d"}, {"postgres://", ":x@h/d"}, {"postgres://h/d?sslmode=", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		cfg, err := poolConfig(PostgresOpenConfig{URL: before + mark + after})
		if err == nil {
			plain := cfg.ConnConfig.TLSConfig == nil && !isLocal(cfg.ConnConfig.Host)
			for _, other := range cfg.ConnConfig.Fallbacks {
				plain = plain || other.TLSConfig == nil && !isLocal(other.Host)
			}
			if plain && !strings.Contains(before+after, "disable") && !strings.Contains(before+after, "%") {
				t.Errorf("plain text over a network")
			}
			return
		}
		if core.ErrorCode(err) != core.CodeInvalid || strings.Contains(err.Error(), mark) {
			t.Errorf("got %v", err)
		}
	})
}
