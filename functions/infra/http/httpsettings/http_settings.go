package httpsettings

import (
	"net"
	"slices"

	fnhttp "fnregistry.dev/functions/infra/http"
	"fnregistry.dev/functions/infra/program"
)

// HTTPSettings are where a program's server listens and whom it answers: embed
// it in the settings' struct of a command, with a default for Addr. It gives
// the keys addr, host, token and behind_proxy, and the flags --addr, --host,
// --token-file and --behind-proxy. [HTTPSettings.Server] and
// [HTTPSettings.Stack] are its values where they are used.
//
// More in http_settings.md:
//   - Addr is empty unless the program's defaults have one; http_server then
//     takes a free port.
//   - The zero Token answers programs on this machine alone, whatever Addr is.
type HTTPSettings struct {
	Addr        string                `yaml:"addr" doc:"host:port to listen on; port 0 takes a free one"`
	Host        []string              `yaml:"host" doc:"name that requests may give as their host, besides those of this machine, or several"`
	Token       program.ProgramSecret `yaml:"token" doc:"what requests must bear, 16 characters or more; without one only programs on this machine are answered"`
	BehindProxy bool                  `yaml:"behind_proxy" doc:"a proxy on this machine passes requests on: those from this machine need the token, too"`
}

// Server is the config of an http_server, without its handler.
func (s *HTTPSettings) Server() fnhttp.HTTPServerConfig {
	return fnhttp.HTTPServerConfig{Addr: s.Addr}
}

// Stack is the config of an http_stack that answers whom the settings allow. A
// token that is not set is none, and never an empty one that anybody could
// send.
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
