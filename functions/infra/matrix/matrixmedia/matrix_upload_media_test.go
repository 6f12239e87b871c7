package matrixmedia_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"maunium.net/go/mautrix"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/matrixtest"
	"fnregistry.dev/functions/infra/matrix/matrixmedia"
	"fnregistry.dev/tools/testenv/testkit/fault"
	"fnregistry.dev/tools/testenv/testkit/servers"
)

// mediaBytes are reproducible and do not compress.
func mediaBytes(n int) []byte {
	data := make([]byte, n)
	source := rand.NewChaCha8([32]byte{1})
	source.Read(data)
	return data
}

// download returns a file's content, or fails the test.
func download(t *testing.T, client *mautrix.Client, uploaded matrixmedia.MatrixUploadMediaResult) []byte {
	t.Helper()
	var got bytes.Buffer
	result, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{
		Client: client, URI: uploaded.URI.String(), File: uploaded.File, Writer: &got,
	})
	if err != nil {
		t.Fatal(err)
	}
	if result.Size != int64(got.Len()) || result.SHA256 != sha256.Sum256(got.Bytes()) {
		t.Errorf("result %+v of %d bytes", result, got.Len())
	}
	return got.Bytes()
}

func TestMatrixUploadMedia_RoundTrip(t *testing.T) {
	t.Parallel()
	client := newClient(t, "uploader")
	for _, size := range []int{0, 1, 512, 128 << 10, 128<<10 + 1, 3 << 20, 10 << 20} {
		data := mediaBytes(size)
		for _, encrypt := range []bool{false, true} {
			result, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{
				Client: client, Content: bytes.NewReader(data), FileName: "some file.bin", Encrypt: encrypt,
			})
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			if result.Size != int64(size) || result.SHA256 != sha256.Sum256(data) || (result.File != nil) != encrypt || result.FileName != "some file.bin" {
				t.Errorf("%d bytes: %+v", size, result)
			}
			if got := download(t, client, result); !bytes.Equal(got, data) {
				t.Errorf("%d bytes, encrypted %v: other content came back", size, encrypt)
			}
			if !encrypt || size < 512 {
				continue
			}
			result.File = nil // as the server has it
			if got := download(t, client, result); bytes.Equal(got, data) || len(got) != size {
				t.Errorf("%d bytes lie on the server unencrypted", size)
			}
		}
	}
}

func TestMatrixUploadMedia_Sources(t *testing.T) {
	t.Parallel()
	client := newClient(t, "uploader")
	data := mediaBytes(2 << 20)
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	middle := bytes.NewReader(append([]byte("before"), data...))
	middle.Seek(6, io.SeekStart)
	sized := int64(len(data))
	for name, cfg := range map[string]matrixmedia.MatrixUploadMediaConfig{
		"file":               {Content: file},
		"from the middle":    {Content: middle},
		"stream":             {Content: struct{ io.Reader }{bytes.NewReader(data)}},
		"stream with size":   {Content: struct{ io.Reader }{bytes.NewReader(data)}, Size: sized},
		"one byte at a time": {Content: iotest.OneByteReader(bytes.NewReader(data)), Size: sized},
		"data with EOF":      {Content: iotest.DataErrReader(bytes.NewReader(data)), Size: sized},
	} {
		cfg.Client = client
		result, err := matrixmedia.MatrixUploadMedia(t.Context(), cfg)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := download(t, client, result); !bytes.Equal(got, data) {
			t.Errorf("%s: other content came back", name)
		}
	}
}

func TestMatrixUploadMedia_WrongContent(t *testing.T) {
	t.Parallel()
	client := newClient(t, "uploader")
	data := mediaBytes(300 << 10)
	sum := sha256.Sum256([]byte("another"))
	broken := errors.New("disk on fire")
	for name, test := range map[string]struct {
		cfg  matrixmedia.MatrixUploadMediaConfig
		want core.Code
		text string
	}{
		"shorter stream":  {matrixmedia.MatrixUploadMediaConfig{Content: struct{ io.Reader }{bytes.NewReader(data)}, Size: 300<<10 + 1}, core.CodeInvalid, "size"},
		"longer stream":   {matrixmedia.MatrixUploadMediaConfig{Content: struct{ io.Reader }{bytes.NewReader(data)}, Size: 300<<10 - 1}, core.CodeInvalid, "size"},
		"shorter":         {matrixmedia.MatrixUploadMediaConfig{Content: bytes.NewReader(data), Size: 300<<10 + 1}, core.CodeInvalid, "size"},
		"said to be none": {matrixmedia.MatrixUploadMediaConfig{Content: bytes.NewReader(data), Size: -1}, core.CodeInvalid, "size"},
		"other hash":      {matrixmedia.MatrixUploadMediaConfig{Content: bytes.NewReader(data), SHA256: sum[:]}, core.CodeInvalid, "SHA-256"},
		"hex hash":        {matrixmedia.MatrixUploadMediaConfig{Content: bytes.NewReader(data), SHA256: make([]byte, 64)}, core.CodeInvalid, "64 bytes"},
		"failing":         {matrixmedia.MatrixUploadMediaConfig{Content: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken)), Size: 400 << 10}, core.CodeInternal, "disk on fire"},
		"failing spool":   {matrixmedia.MatrixUploadMediaConfig{Content: io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))}, core.CodeInternal, "disk on fire"},
		"nothing":         {matrixmedia.MatrixUploadMediaConfig{}, core.CodeInvalid, "Content"},
	} {
		for _, encrypt := range []bool{false, true} {
			test.cfg.Client, test.cfg.Encrypt = client, encrypt
			if seeker, ok := test.cfg.Content.(io.Seeker); ok {
				seeker.Seek(0, io.SeekStart)
			} else if encrypt {
				continue
			}
			result, err := matrixmedia.MatrixUploadMedia(t.Context(), test.cfg)
			if core.ErrorCode(err) != test.want || err == nil || !strings.Contains(err.Error(), test.text) || !result.URI.IsEmpty() {
				t.Errorf("%s: got %v (%s), want %s with %q", name, err, core.ErrorCode(err), test.want, test.text)
			}
		}
	}
	if _, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Content: bytes.NewReader(data)}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("no client: %v", err)
	}
}

func TestMatrixUploadMedia_TooLarge(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	proxy := fault.HTTP(t, server.URL)
	client := clientFor(t, proxy.URL(), server.NewUser(t, "uploader"))
	sent := 0
	client.RequestHook = func(r *http.Request) {
		if r.Method == http.MethodPost {
			sent++
		}
	}
	config, err := client.GetMediaConfig(t.Context())
	if err != nil || config.UploadSize == 0 {
		t.Fatalf("the server tells no limit: %+v, %v", config, err)
	}
	over := config.UploadSize + 1
	for name, cfg := range map[string]matrixmedia.MatrixUploadMediaConfig{
		"by the server's limit":         {Content: io.LimitReader(zeros{}, over), Size: over},
		"without size":                  {Content: io.LimitReader(zeros{}, over)},
		"endless":                       {Content: zeros{}},
		"by MaxSize":                    {Content: bytes.NewReader(make([]byte, 11)), MaxSize: 10},
		"MaxSize over the server's one": {Content: io.LimitReader(zeros{}, over), Size: over, MaxSize: over + 1},
	} {
		cfg.Client = client
		if _, err := matrixmedia.MatrixUploadMedia(t.Context(), cfg); core.ErrorCode(err) != core.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	if sent != 0 {
		t.Errorf("%d uploads were sent", sent)
	}
	// The limit is requested once.
	asked := 0
	client.RequestHook = func(r *http.Request) {
		if strings.Contains(r.URL.Path, "config") {
			asked++
		}
	}
	for range 3 {
		if _, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: client, Content: strings.NewReader("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 0 {
		t.Errorf("the limit was asked for %d times more", asked)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestMatrixUploadMedia_Faults(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	user := server.NewUser(t, "uploader")
	data := mediaBytes(1 << 20)
	const match = "POST /_matrix/media/v3/upload"
	for name, broken := range map[string]fault.Fault{
		"reset":        fault.Reset{},
		"reset after":  fault.Reset{AfterServer: true},
		"502":          fault.Status{Code: 502},
		"429":          fault.Status{Code: 429, Errcode: "M_LIMIT_EXCEEDED", RetryAfterMS: 10},
		"corrupt JSON": fault.CorruptJSON{},
		"cut":          fault.CutBody{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := fault.HTTP(t, server.URL)
			client := clientFor(t, proxy.URL(), user)
			rule := proxy.Add(fault.Rule{Match: match, Max: 1, Fault: broken})
			for _, encrypt := range []bool{true, false} {
				result, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: client, Content: bytes.NewReader(data), Encrypt: encrypt})
				if err != nil {
					t.Fatal(err)
				}
				if got := download(t, client, result); !bytes.Equal(got, data) {
					t.Error("other content came back")
				}
			}
			if rule.Injected() != 1 {
				t.Errorf("the fault met %d uploads", rule.Injected())
			}
			again := proxy.Add(fault.Rule{Match: match, Fault: broken})
			_, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: client, Content: struct{ io.Reader }{bytes.NewReader(data)}, Size: 1 << 20})
			if code := core.ErrorCode(err); code != core.CodeUnavailable && code != core.CodeLimited {
				t.Errorf("%s: %v", code, err)
			}
			if again.Injected() != 1 {
				t.Errorf("a stream that can't be read again was sent %d times", again.Injected())
			}
		})
	}
}

func TestMatrixUploadMedia_LooksAtImages(t *testing.T) {
	t.Parallel()
	client := newClient(t, "uploader")
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 31, 17))); err != nil {
		t.Fatal(err)
	}
	result, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: client, Content: struct{ io.Reader }{&picture}})
	if err != nil {
		t.Fatal(err)
	}
	if result.Width != 31 || result.Height != 17 || result.ContentType != "image/png" {
		t.Errorf("%+v", result)
	}
}

// Streamed content must not be held in memory.
func TestMatrixUploadMedia_Memory(t *testing.T) { // not parallel: it reads the heap of all
	client := newClient(t, "uploader")
	const size = 10 << 20
	peak, reads := uint64(0), 0
	var base runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&base)
	content := readerFunc(func(p []byte) (int, error) {
		var now runtime.MemStats
		if reads++; reads%50 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc-min(now.HeapAlloc, base.HeapAlloc))
		}
		clear(p)
		return len(p), nil
	})
	result, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: client, Content: io.LimitReader(content, size), Size: size, Encrypt: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := matrixmedia.MatrixDownloadMedia(t.Context(), matrixmedia.MatrixDownloadMediaConfig{Client: client, File: result.File, Writer: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if peak == 0 || peak > 4<<20 {
		t.Errorf("%d bytes of heap for an upload of %d", peak, size)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A file is sent to no other host.
func TestMatrixUploadMedia_Redirect(t *testing.T) {
	t.Parallel()
	server := servers.Matrix(t)
	var on atomic.Bool
	var asked atomic.Int64
	on.Store(true)
	client := clientFor(t, matrixtest.Redirecting(t, server.URL, "POST", http.StatusTemporaryRedirect, &on, &asked), server.NewUser(t, "redirect"))
	uploaded, err := matrixmedia.MatrixUploadMedia(t.Context(), matrixmedia.MatrixUploadMediaConfig{Client: client, Content: strings.NewReader("secret")})
	if core.ErrorCode(err) != core.CodeUnavailable || asked.Load() != 0 {
		t.Errorf("%+v, the other host was asked %d times, error %v", uploaded, asked.Load(), err)
	}
}
