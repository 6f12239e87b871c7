package world

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// serverName is the part of user and room IDs after the colon. The servers of a
// run share it: there is no federation.
const serverName = "localhost"

// matrixEnv describes how to reach a homeserver.
func matrixEnv(p *port, kind, sharedSecret string) map[string]string {
	return map[string]string{
		"TESTENV_MATRIX_URL":           "http://" + p.addr(),
		"TESTENV_MATRIX_SERVER_NAME":   serverName,
		"TESTENV_MATRIX_SHARED_SECRET": sharedSecret,
		"TESTENV_MATRIX_KIND":          strings.TrimPrefix(kind, Matrix+"="),
	}
}

// matrixAnswers requests what a test requests first: the versions, and a nonce
// for registration.
func matrixAnswers(p *port) func(context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	return func(ctx context.Context) error {
		for _, path := range []string{"/_matrix/client/versions", "/_synapse/admin/v1/register"} {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr()+path, nil)
			if err != nil {
				return err
			}
			response, err := client.Do(request)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				return fmt.Errorf("%s: %s", path, response.Status)
			}
		}
		return nil
	}
}

// asJSON formats a configuration. Both homeservers read YAML, and JSON is YAML.
func asJSON(config map[string]any) string {
	text, err := json.MarshalIndent(config, "", "  ") // YAML takes no tabs
	if err != nil {
		panic(err) // it contains texts, numbers and lists of them
	}
	return string(text)
}
