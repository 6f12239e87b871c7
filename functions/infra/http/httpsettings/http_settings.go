package httpsettings

import (
	"net"
	"slices"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
)

// HTTPSettings are the settings of a program's server: where it listens and
// which requests it accepts. Embed it in the settings struct of a command, with
// a default for Addr. It adds the keys addr, host, token and behind_proxy, and
// the flags --addr, --host, --token-file and --behind-proxy.
// [HTTPSettings.Server] and [HTTPSettings.Stack] turn it into the configs of
// http_server and http_stack.
//
// More in http_settings.md:
//   - Addr is empty unless the program's defaults have one; http_server then
//     takes a free port.
//   - Without a Token only programs on this machine are accepted, whatever Addr
//     is.
type HTTPSettings struct {
	Addr        string                `yaml:"addr" doc:"host:port to listen on; port 0 picks a free one"`
	Host        []string              `yaml:"host" doc:"allowed host name of requests in addition to this machine's, or several"`
	Token       program.ProgramSecret `yaml:"token" doc:"bearer token for requests from other machines, at least 16 characters; without one they are refused"`
	BehindProxy bool                  `yaml:"behind_proxy" doc:"require the token from this machine too, because a proxy on it forwards requests"`
}

// Server is the config of an http_server, without its handler.
func (s *HTTPSettings) Server() fnhttp.HTTPServerConfig {
	return fnhttp.HTTPServerConfig{Addr: s.Addr}
}

// Stack is the config of an http_stack that accepts what the settings allow. A
// token that is not set is left out, so that an empty one is never accepted.
func (s *HTTPSettings) Stack() fnhttp.HTTPStackConfig {
	cfg := fnhttp.HTTPStackConfig{Hosts: slices.Clone(s.Host)}
	if host, _, err := net.SplitHostPort(s.Addr); err == nil && host != "" {
		cfg.Hosts = append(cfg.Hosts, host)
	}
	if s.Token.IsSet() {
		cfg.Tokens = []string{s.Token.Reveal()}
	}
	if s.BehindProxy {
		cfg.Access = fnhttp.HTTPStackToken
	}
	return cfg
}
