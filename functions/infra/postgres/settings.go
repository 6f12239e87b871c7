package postgres

import (
	"cmp"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"fnregistry.dev/functions/core"
)

// poolConfig reads a config. Its errors quote nothing of the URL: what can't be
// read can't be told from a password.
func poolConfig(cfg PostgresOpenConfig) (*pgxpool.Config, error) {
	query, err := urlQuery(cfg.URL)
	if err != nil {
		return nil, err
	}
	settings, err := parseWithTLS(cfg, query)
	if err != nil {
		return nil, err
	}
	if cfg.Password != "" {
		settings.ConnConfig.Password = cfg.Password
	}
	if cfg.MaxConns < 0 || cfg.MaxConns > 1<<20 {
		return nil, invalid("bad MaxConns "+strconv.Itoa(cfg.MaxConns), "")
	}
	if cfg.MaxConns > 0 {
		settings.MaxConns = int32(cfg.MaxConns)
	}
	if settings.ConnConfig.ConnectTimeout == 0 {
		settings.ConnConfig.ConnectTimeout = defaultConnectTimeout
	}
	params := settings.ConnConfig.RuntimeParams
	setParam(params, "application_name", cfg.ApplicationName, filepath.Base(os.Args[0]))
	if err := setTimeout(params, cfg.StatementTimeout); err != nil {
		return nil, err
	}
	for _, text := range []string{cfg.Password, params["application_name"]} {
		if strings.ContainsRune(text, 0) {
			return nil, invalid("a NUL byte in Password or ApplicationName", "")
		}
	}
	return settings, nil
}

// setParam sets a session parameter to value, or, when that is empty and the
// URL has none, to byDefault.
func setParam(params map[string]string, name, value, byDefault string) {
	if value == "" && params[name] == "" {
		value = byDefault
	}
	if value != "" {
		params[name] = value
	}
}

func setTimeout(params map[string]string, timeout time.Duration) error {
	if timeout < 0 {
		return nil
	}
	value := ""
	if timeout > 0 {
		// Rounded up: 0 would mean no limit at all.
		millis := (timeout + time.Millisecond - 1).Milliseconds()
		if millis > 1<<31-1 { // the parameter is an int of 32 bits
			return invalid("StatementTimeout is over 24 days", "a negative one sets none")
		}
		value = strconv.FormatInt(millis, 10)
	}
	setParam(params, "statement_timeout", value, strconv.FormatInt(defaultStatementTimeout.Milliseconds(), 10))
	return nil
}

// parseWithTLS lets pgx read the URL, with the TLS settings that hold.
func parseWithTLS(cfg PostgresOpenConfig, query urlSettings) (*pgxpool.Config, error) {
	if query.has("ssl") {
		return nil, invalid("setting ssl in the URL", "use sslmode=verify-full, require or disable")
	}
	given := query.get("sslmode")
	if cfg.TLS != "" && given != "" && cfg.TLS != given {
		return nil, invalid("TLS and the URL's sslmode differ", "give one of them")
	}
	mode := cmp.Or(cfg.TLS, given, os.Getenv("PGSSLMODE"))
	if mode == "" {
		// Read once without TLS to learn which hosts are meant; PGHOST counts,
		// too.
		settings, err := parse(cfg.URL, "disable", "", query)
		if err != nil {
			return nil, err
		}
		mode = "disable"
		if !onlyLocal(settings) {
			mode = "verify-full"
		}
	}
	if !slices.Contains([]string{"disable", "require", "verify-full"}, mode) {
		return nil, invalid("bad TLS mode", "use disable, require or verify-full; prefer and allow fall back to plain text, verify-ca takes any host's certificate")
	}
	if mode != "verify-full" && (cfg.CAFile != "" || query.has("sslrootcert")) {
		return nil, invalid("a file of authorities, but TLS is "+mode, "they are looked at with verify-full only")
	}
	if err := checkCAFile(cfg.CAFile); err != nil {
		return nil, err
	}
	return parse(cfg.URL, mode, cfg.CAFile, query)
}

// checkCAFile says what is wrong with the file in clearer words than pgx.
func checkCAFile(name string) error {
	if name == "" {
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return &core.Error{Code: core.ErrorCode(err), Op: "postgres_open", Message: "CAFile", Err: err}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		return invalid("CAFile "+name+" holds no certificate", "it is a PEM file: -----BEGIN CERTIFICATE-----")
	}
	return nil
}

// parse hands the URL to pgx with its TLS settings replaced.
func parse(text, mode, caFile string, query urlSettings) (*pgxpool.Config, error) {
	query = query.with("sslmode", mode)
	if caFile != "" {
		query = query.with("sslrootcert", caFile)
	}
	settings, err := pgxpool.ParseConfig(before(text, "?") + "?" + query.String())
	if err != nil {
		return nil, parseError(err)
	}
	return settings, nil
}

// parseError names the setting that is wrong, where pgx does so in words of its
// own, and quotes nothing.
func parseError(err error) error {
	text := err.Error()
	// What pgx says itself follows the quoted URL, which ends at the last
	// backquote.
	text = text[strings.LastIndexByte(text, '`')+1:]
	for _, setting := range []string{
		"connect_timeout", "sslcert", "sslrootcert", "sslkey", "sslpassword", "sslnegotiation", "target_session_attrs", "channel_binding", "require_auth",
		"service", "port", "pool_max_conns", "pool_min_conns", "pool_min_idle_conns", "pool_max_conn_lifetime", "pool_max_conn_idle_time",
		"pool_health_check_period", "pool_max_conn_lifetime_jitter", "default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity", "TLS",
	} {
		if strings.Contains(text, setting) {
			return invalid("bad setting: "+setting, urlHint)
		}
	}
	return invalid("URL can't be read", urlHint)
}

// onlyLocal reports whether no host of the config is reached over a network.
func onlyLocal(settings *pgxpool.Config) bool {
	for _, other := range settings.ConnConfig.Fallbacks {
		if !isLocal(other.Host) {
			return false
		}
	}
	return isLocal(settings.ConnConfig.Host)
}

func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || filepath.IsAbs(host) || ip != nil && ip.IsLoopback()
}

func invalid(message, hint string) error {
	return &core.Error{Code: core.CodeInvalid, Op: "postgres_open", Message: message, Hint: hint}
}
