package matrixmedia_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/matrixmedia"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

func upload(t *testing.T, cfg matrixmedia.MatrixUploadMediaConfig) matrixmedia.MatrixUploadMediaResult {
	t.Helper()
	result, err := matrixmedia.MatrixUploadMedia(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestMatrixDownloadMedia_Path(t *testing.T) {
	t.Parallel()
	client := newClient(t, "downloader")
	data := mediaBytes(10 << 20)
	sum := sha256.Sum256(data)
	for _, encrypt := range []bool{false, true} {
		up := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(data), FileName: "a b.bin", ContentType: "application/x-thing", Encrypt: encrypt})
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		result, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), File: up.File, Path: path, SHA256: sum[:]})
		if err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, data)
		wantName, wantType := "a b.bin", "application/x-thing"
		if encrypt {
			wantName, wantType = "", "application/octet-stream"
		}
		if result.FileName != wantName || result.ContentType != wantType || result.SHA256 != sum {
			t.Errorf("encrypted %v: %+v", encrypt, result)
		}
	}
}

// With NoReplace a file that is there stays, and so does one that comes while
// the content is on its way.
func TestMatrixDownloadMedia_NoReplace(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "downloader"))
	up := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: strings.NewReader("new"), Encrypt: true})
	path := filepath.Join(t.TempDir(), "file")
	get := func() error {
		cfg := matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), File: up.File, Path: path, NoReplace: true}
		_, err := matrixmedia.MatrixDownloadMedia(t.Context(), cfg)
		return err
	}
	slow := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v1/media/download/", Fault: fault.Delay{Time: time.Second}})
	done := make(chan error, 1)
	go func() { done <- get() }()
	if err := slow.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := <-done; core.ErrorCode(err) != core.CodeConflict {
		t.Errorf("a file that came meanwhile: %v", err)
	}
	asked := slow.Matched()
	if err := get(); core.ErrorCode(err) != core.CodeConflict || slow.Matched() != asked {
		t.Errorf("a file that was there: %v after %d requests", err, slow.Matched()-asked)
	}
	wantFile(t, path, []byte("old"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, []byte("new"))
}

// wantFile also checks that nothing else is in its folder.
func wantFile(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, not the %d wanted: %v", len(got), len(want), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A file that does not match its key must not be returned, not even in part.
func TestMatrixDownloadMedia_WrongHash(t *testing.T) {
	t.Parallel()
	client := newClient(t, "downloader")
	data := mediaBytes(3 << 20)
	sealed := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(data), Encrypt: true})
	other := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(data), Encrypt: true})
	plain := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(data)})
	change := func(edit func(*event.EncryptedFileInfo)) *event.EncryptedFileInfo {
		own := *sealed.File
		edit(&own)
		return &own
	}
	wrong := sha256.Sum256([]byte("wrong"))
	for name, cfg := range map[string]matrixmedia.MatrixDownloadMediaConfig{
		"exchanged":      {File: change(func(f *event.EncryptedFileInfo) { f.URL = other.File.URL })},
		"other hash":     {File: change(func(f *event.EncryptedFileInfo) { f.Hashes = other.File.Hashes })},
		"not encrypted":  {File: change(func(f *event.EncryptedFileInfo) { f.URL = plain.URI.CUString() })},
		"no hash":        {File: change(func(f *event.EncryptedFileInfo) { f.Hashes.SHA256 = "" })},
		"damaged key":    {File: change(func(f *event.EncryptedFileInfo) { f.Key.Key = "?" + f.Key.Key[1:] })},
		"damaged IV":     {File: change(func(f *event.EncryptedFileInfo) { f.InitVector = "" })},
		"algorithm":      {File: change(func(f *event.EncryptedFileInfo) { f.Key.Algorithm = "A128CTR" })},
		"version":        {File: change(func(f *event.EncryptedFileInfo) { f.Version = "v1" })},
		"two files":      {File: sealed.File, URI: other.URI.String()},
		"plain":          {URI: plain.URI.String(), SHA256: wrong[:]},
		"decrypted":      {File: sealed.File, SHA256: wrong[:]},
		"decrypted, key": {File: change(func(f *event.EncryptedFileInfo) { f.Key = other.File.Key }), SHA256: sealed.SHA256[:]},
	} {
		cfg.Client = client
		out := &bytes.Buffer{}
		cfg.Writer = out
		_, err := matrixmedia.MatrixDownloadMedia(t.Context(), cfg)
		if core.ErrorCode(err) != core.CodeInvalid || out.Len() != 0 {
			t.Errorf("%s to a writer: %d bytes, %v", name, out.Len(), err)
		}
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.Writer, cfg.Path = nil, path
		if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s to a file: %v", name, err)
		}
		wantFile(t, path, []byte("old"))
	}
}

func TestMatrixDownloadMedia_TooLarge(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	client := clientFor(t, server.URL, server.NewUser(t, "downloader"))
	up := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(mediaBytes(2 << 20))})
	for max, want := range map[int64]core.Code{2<<20 - 1: core.CodeTooLarge, 2 << 20: "", -1: "", 0: ""} {
		var out bytes.Buffer
		_, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), Writer: &out, MaxSize: max})
		if core.ErrorCode(err) != want || (want != "") != (out.Len() == 0) {
			t.Errorf("MaxSize %d: %d bytes, %v", max, out.Len(), err)
		}
	}
}

func TestMatrixDownloadMedia_Faults(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	user := server.NewUser(t, "downloader")
	data := mediaBytes(10 << 20)
	direct := clientFor(t, server.URL, user)
	ups := []matrixmedia.MatrixUploadMediaResult{
		upload(t, matrixmedia.MatrixUploadMediaConfig{Client: direct, Content: bytes.NewReader(data)}),
		upload(t, matrixmedia.MatrixUploadMediaConfig{Client: direct, Content: bytes.NewReader(data), Encrypt: true}),
	}
	for name, broken := range map[string]fault.Fault{
		"cut":   fault.CutBody{},
		"reset": fault.Reset{},
		"502":   fault.Status{Code: 502},
		"500":   fault.Status{Code: 500, Errcode: "M_UNKNOWN"},
		"429":   fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := fault.HTTP(t, server.URL)
			client := clientFor(t, proxy.URL(), user)
			for _, up := range ups {
				rule := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v1/media/download/", Max: 1, Fault: broken})
				if got := download(t, client, up); !bytes.Equal(got, data) {
					t.Error("other content came to the writer")
				}
				if rule.Injected() != 1 {
					t.Errorf("the fault met %d downloads", rule.Injected())
				}
				proxy.Add(fault.Rule{Match: "GET /_matrix/client/v1/media/download/", Max: 1, Fault: broken})
				path := filepath.Join(t.TempDir(), "file")
				if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), File: up.File, Path: path}); err != nil {
					t.Fatal(err)
				}
				wantFile(t, path, data)
			}
		})
	}
}

func TestMatrixDownloadMedia_AlwaysCut(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "downloader"))
	up := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(mediaBytes(2 << 20))})
	rule := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v1/media/download/", Fault: fault.CutBody{}})
	var out bytes.Buffer
	_, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), Writer: &out})
	if core.ErrorCode(err) != core.CodeUnavailable || out.Len() != 0 {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), Path: path})
	if core.ErrorCode(err) != core.CodeUnavailable {
		t.Errorf("to a file: %v", err)
	}
	wantFile(t, path, []byte("old"))
	if rule.Injected() != 6 {
		t.Errorf("%d tries, want 3 of each", rule.Injected())
	}
}

func TestMatrixDownloadMedia_Canceled(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "downloader"))
	up := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: strings.NewReader("hello")})
	rule := proxy.Add(fault.Rule{Match: "GET /_matrix/client/v1/media/download/", Fault: fault.Hang{}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = rule.Wait(ctx, 1)
		cancel()
	}()
	_, err := matrixmedia.MatrixDownloadMedia(ctx, matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), Writer: io.Discard})
	if core.ErrorCode(err) != core.CodeCanceled {
		t.Errorf("got %v", err)
	}
	// The client's deadline for a whole exchange does not apply to a file.
	proxy.Heal()
	slow := clientFor(t, proxy.URL(), server.NewUser(t, "slow"))
	big := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: slow, Content: bytes.NewReader(mediaBytes(1 << 20))})
	slow.Client.Timeout = 200 * time.Millisecond
	proxy.Add(fault.Rule{Match: "GET /_matrix/client/v1/media/download/", Fault: fault.Bandwidth{BytesPerSecond: 1 << 20}})
	if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: slow, URI: big.URI.String(), Writer: io.Discard}); err != nil {
		t.Error(err)
	}
}

func TestMatrixDownloadMedia_BadConfig(t *testing.T) {
	t.Parallel()
	client := newClient(t, "downloader")
	const good = "mxc://example.org/abc"
	for name, cfg := range map[string]matrixmedia.MatrixDownloadMediaConfig{
		"no client":   {URI: good, Writer: io.Discard},
		"nowhere":     {Client: client, URI: good},
		"two targets": {Client: client, URI: good, Writer: io.Discard, Path: "x"},
		"no URI":      {Client: client, Writer: io.Discard},
		"http":        {Client: client, URI: "https://example.org/abc", Writer: io.Discard},
		"climbing":    {Client: client, URI: "mxc://../../_matrix/client/v3/account/whoami", Writer: io.Discard},
		"dots":        {Client: client, URI: "mxc://../abc", Writer: io.Discard},
		"query":       {Client: client, URI: "mxc://example.org/abc?x=1", Writer: io.Discard},
		"hex hash":    {Client: client, URI: good, Writer: io.Discard, SHA256: make([]byte, 64)},
	} {
		if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), cfg); core.ErrorCode(err) != core.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	local := "mxc://" + servers.Matrix(t).ServerName + "/nosuchfilehere"
	if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: local, Writer: io.Discard}); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("a file that is not there: %v", err)
	}
	full := errors.New("no room")
	up := upload(t, matrixmedia.MatrixUploadMediaConfig{Client: client, Content: strings.NewReader("hello")})
	_, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, URI: up.URI.String(), Writer: writerFunc(func([]byte) (int, error) { return 0, full })})
	if !errors.Is(err, full) {
		t.Errorf("a failing writer: %v", err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
