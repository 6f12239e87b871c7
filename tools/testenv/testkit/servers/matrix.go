package servers

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Homeserver is how to reach a Matrix homeserver.
type Homeserver struct {
	URL          string // of the client-server API, without a path
	ServerName   string // what follows the colon in its user IDs
	SharedSecret string // with which users are registered
	Kind         string // dendrite or synapse
}

// User is an account that is logged in on one device.
type User struct {
	ID          string // @NAME:SERVER
	AccessToken string
	DeviceID    string
	Password    string
}

// Matrix returns the run's homeserver.
func Matrix(t testing.TB) Homeserver {
	t.Helper()
	env := need(t, "matrix", EnvMatrixURL, EnvMatrixServerName, EnvMatrixSharedSecret, EnvMatrixKind)
	return Homeserver{URL: env[0], ServerName: env[1], SharedSecret: env[2], Kind: env[3]}
}

// NewUser registers a user with the shared secret. Its name is the given one
// (lower case letters, digits, . _ - /) with a random end, so that two tests
// may both ask for alice. It is no admin.
func (h Homeserver) NewUser(t testing.TB, name string) User {
	t.Helper()
	user, err := h.register(strings.ToLower(name + "-" + rand.Text()[:10]))
	if err != nil {
		t.Fatalf("register %s at %s: %v", name, h.URL, err)
	}
	return user
}

// register uses the shared-secret registration of Synapse's admin API, which
// Dendrite supports, too.
func (h Homeserver) register(name string) (User, error) {
	const path = "/_synapse/admin/v1/register"
	password := rand.Text()
	var nonce struct{ Nonce string }
	if err := h.call(http.MethodGet, path, nil, &nonce); err != nil {
		return User{}, err
	}
	mac := hmac.New(sha1.New, []byte(h.SharedSecret))
	mac.Write([]byte(strings.Join([]string{nonce.Nonce, name, password, "notadmin"}, "\x00")))
	var answer struct {
		UserID      string `json:"user_id"`
		AccessToken string `json:"access_token"`
		DeviceID    string `json:"device_id"`
	}
	err := h.call(http.MethodPost, path, map[string]any{
		"nonce": nonce.Nonce, "username": name, "password": password, "admin": false, "mac": hex.EncodeToString(mac.Sum(nil)),
	}, &answer)
	return User{ID: answer.UserID, AccessToken: answer.AccessToken, DeviceID: answer.DeviceID, Password: password}, err
}

func (h Homeserver) call(method, path string, in, out any) error {
	return callJSON(method, h.URL+path, "", in, out)
}

// answerLimit bounds how much of a response is read.
const answerLimit = 1 << 20

// callClient has no deadline of a test's kind: starting a server may mean to
// install it.
var callClient = &http.Client{Timeout: 15 * time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}

// callJSON sends in as JSON, if it is not nil, and decodes the response into
// out, if that is not nil. It keeps no connection, so that leak checks in the
// caller's tests see none of its goroutines.
func callJSON(method, url, token string, in, out any) error {
	var body bytes.Buffer
	if in != nil {
		if err := json.NewEncoder(&body).Encode(in); err != nil {
			return err
		}
	}
	// Not t.Context: it has ended when a Cleanup runs.
	request, err := http.NewRequest(method, url, &body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := callClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerLimit))
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s", response.Status, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
