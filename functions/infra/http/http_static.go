package http

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

// HTTPStaticConfig says which files [HTTPStatic] serves, and where.
type HTTPStaticConfig struct {
	// Files are the files: an embed.FS, or os.Root.FS of a folder, which no
	// symbolic link leads out of. Required. They must implement io.Seeker, as
	// those of embed and os do.
	Files fs.FS
	// Prefix is the path that they are served below, such as "/assets/". It
	// begins and ends with a slash. Empty: "/".
	Prefix string
	// Immutable are patterns of path.Match for the names, without Prefix, of
	// files whose names change with their content, as bundlers make them
	// ("js/*-????????.js"). Names by HTTPStaticHandle.Path need none.
	Immutable []string
	// NotFound responds where there is no such file. nil: problem JSON.
	NotFound http.Handler
}

// HTTPStaticHandle serves files. It is an http.Handler for GET and HEAD.
type HTTPStaticHandle struct {
	cfg HTTPStaticConfig

	mu     sync.Mutex
	hashes map[string]staticHash // by name
}

// staticHash is the hash of a file's content, as long as the file is the one of
// this size and time.
type staticHash struct {
	size     int64
	modified time.Time
	sum      string // hexadecimal
}

const (
	// maxHashed is the longest file whose content is hashed for its ETag; to
	// read more would let a first byte wait. Longer ones of a file system with
	// times get a tag of size and time.
	maxHashed = 64 << 20
	// maxHashes bounds what is remembered; a folder with more files has them
	// hashed again.
	maxHashes = 10_000
	// shortestHash is the least of a hash in a name: 32 bits.
	shortestHash = 8
	// settled is how old a file must be for its hash to be remembered: a
	// second change might leave it size and time.
	settled = 2 * time.Second
)

// encodings are the precompressed forms that are looked for, best first.
var encodings = []struct{ coding, extension string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// HTTPStatic serves files to GET and HEAD, with an ETag of their content,
// conditional requests and byte ranges. A file with .br, .zst or .gz behind its
// name is sent in place of the one without to clients that accept this coding,
// unless it is the older one. A folder's path gives its index.html, and nothing
// else: there are no listings.
//
// Clients ask again each time (Cache-Control: no-cache), except for a name that
// holds the content's hash, as Path makes it, or is Immutable: they may keep
// that for a year.
//
// Not found (404) are names of which a part begins with a dot, whatever is no
// regular file, and every path that the file system does not take. Other
// methods get 405. Content types go by the extension alone, with nosniff; an
// unknown one is application/octet-stream.
//
// Errors: CodeInvalid for no files, a bad prefix or a bad pattern.
//
// More in http_static.md:
//   - os.DirFS follows symbolic links out of its folder: use os.Root.FS.
//   - What users have uploaded belongs on another host, or it runs as a page of
//     this one.
func HTTPStatic(cfg HTTPStaticConfig) (*HTTPStaticHandle, error) {
	cfg.Prefix = cmp.Or(cfg.Prefix, "/")
	invalid := func(message string) error {
		return &core.Error{Code: core.CodeInvalid, Op: "http_static", Message: message}
	}
	if cfg.Files == nil {
		return nil, invalid("no files")
	}
	if clean := path.Clean(cfg.Prefix); cfg.Prefix != "/" && cfg.Prefix != clean+"/" || cfg.Prefix[0] != '/' {
		return nil, invalid("prefix " + cfg.Prefix + " does not begin and end with a slash, or is not in its shortest form")
	}
	for _, pattern := range cfg.Immutable {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, &core.Error{Code: core.CodeInvalid, Op: "http_static", Message: "immutable pattern " + pattern, Err: err}
		}
	}
	return &HTTPStaticHandle{cfg: cfg, hashes: map[string]staticHash{}}, nil
}

// Path is the URL path of a file, with the first 8 characters of its content's
// SHA-256 before the extension: /assets/page-67754065.css for page.css. Clients
// keep what it gives for a year. Errors: that of the file system, or
// CodeTooLarge above 64 MiB.
func (h *HTTPStaticHandle) Path(name string) (string, error) {
	file, err := h.find(name)
	if err != nil {
		return "", err
	}
	file.Close()
	if file.sum == "" {
		return "", &core.Error{Code: core.CodeTooLarge, Op: "http_static path name=" + name, Message: "the file is larger than 64 MiB"}
	}
	extension := path.Ext(name)
	hashed := strings.TrimSuffix(name, extension) + "-" + file.sum[:shortestHash] + extension
	return (&url.URL{Path: h.cfg.Prefix + hashed}).EscapedPath(), nil
}

func (h *HTTPStaticHandle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		HTTPProblem(w, r, &HTTPProblemError{Status: http.StatusMethodNotAllowed,
			Err: &core.Error{Code: core.CodeUnsupported, Message: "files can only be read", Hint: "use GET or HEAD"}})
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, h.cfg.Prefix)
	if !ok {
		h.notFound(w, r)
		return
	}
	folder := name == "" || strings.HasSuffix(name, "/")
	if folder {
		name += "index.html"
	}
	err := h.serve(w, r, name)
	switch {
	case err == nil:
	case !folder && errors.Is(err, errFolder) && h.isFile(name+"/index.html"):
		redirectToFolder(w, r)
	case notThere(err):
		h.notFound(w, r)
	default:
		HTTPProblem(w, r, err)
	}
}

func (h *HTTPStaticHandle) notFound(w http.ResponseWriter, r *http.Request) {
	if h.cfg.NotFound != nil {
		h.cfg.NotFound.ServeHTTP(w, r)
		return
	}
	HTTPProblem(w, r, &core.Error{Code: core.CodeNotFound, Message: "there is no such file"})
}

// redirectToFolder adds the slash that links in a folder's page need. The
// address is relative, or "//evil.example" would be another host.
func redirectToFolder(w http.ResponseWriter, r *http.Request) {
	to := (&url.URL{Path: "./" + path.Base(r.URL.Path) + "/", RawQuery: r.URL.RawQuery}).String()
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusMovedPermanently)
}

var (
	errFolder  = errors.New("it is a folder")
	errRefused = errors.New("it is not served")
)

// open opens a regular file; the caller closes it.
func (h *HTTPStaticHandle) open(name string) (fs.File, fs.FileInfo, error) {
	if !fs.ValidPath(name) || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") || strings.ContainsAny(name, "\\\x00") {
		return nil, nil, errRefused
	}
	// Before it is opened: opening a pipe would wait for its other end.
	if err := regular(fs.Stat(h.cfg.Files, name)); err != nil {
		return nil, nil, err
	}
	file, err := h.cfg.Files.Open(name)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err = regular(info, err); err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

func regular(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return errFolder
	case !info.Mode().IsRegular():
		return errRefused
	}
	return nil
}

func (h *HTTPStaticHandle) isFile(name string) bool {
	file, _, err := h.open(name)
	if err == nil {
		file.Close()
	}
	return err == nil
}

// notThere reports whether an error means that there is no such file to serve.
// What the file system says of a path that it does not take at all, such as one
// that leads out of an os.Root, is a text of its own and no errno.
func notThere(err error) bool {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) || errors.Is(err, errFolder) || errors.Is(err, errRefused) {
		return true
	}
	about, ok := errors.AsType[*fs.PathError](err)
	return ok && !errors.Is(err, fs.ErrPermission) && isPathProblem(about.Err)
}

// isPathProblem holds for what is wrong with a path, and not with the disk.
func isPathProblem(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return !errors.Is(err, fs.ErrClosed)
	}
	return slices.Contains([]syscall.Errno{syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP}, errno)
}

// staticFile is an open file that is to be sent.
type staticFile struct {
	fs.File
	name string
	info fs.FileInfo
	sum  string // SHA-256 of its content, hexadecimal; empty: it is too long for that
}

// find opens a file and hashes its content; the caller closes it.
func (h *HTTPStaticHandle) find(name string) (*staticFile, error) {
	file, info, err := h.open(name)
	if err != nil {
		return nil, err
	}
	sum := ""
	if info.Size() <= maxHashed {
		if sum, err = h.hash(name, file, info); err != nil {
			file.Close()
			return nil, err
		}
	}
	return &staticFile{file, name, info, sum}, nil
}

// resolve finds the file that a request names: with or without the hash of its
// content. hashed reports whether the name has it.
func (h *HTTPStaticHandle) resolve(name string) (file *staticFile, hashed bool, err error) {
	file, err = h.find(name)
	plain, hash := splitHash(name)
	if hash == "" || err != nil && !notThere(err) {
		return file, false, err
	}
	if err == nil {
		return file, strings.HasPrefix(file.sum, hash), nil
	}
	if file, err = h.find(plain); err != nil {
		return nil, false, err
	}
	if !strings.HasPrefix(file.sum, hash) { // an earlier content's
		file.Close()
		return nil, false, errRefused
	}
	return file, true, nil
}

// splitHash takes the hash out of a name such as page-67754065.css; hash is
// empty where there is none.
func splitHash(name string) (plain, hash string) {
	extension := path.Ext(name)
	stem := strings.TrimSuffix(name, extension)
	at := strings.LastIndexByte(stem, '-')
	hash = stem[at+1:]
	if at <= 0 || len(hash) < shortestHash || strings.Trim(hash, "0123456789abcdef") != "" {
		return name, ""
	}
	return stem[:at] + extension, hash
}

// hash returns the SHA-256 of a file's content, and leaves the file at its
// beginning.
func (h *HTTPStaticHandle) hash(name string, file fs.File, info fs.FileInfo) (string, error) {
	h.mu.Lock()
	known, ok := h.hashes[name]
	h.mu.Unlock()
	if ok && known.size == info.Size() && known.modified.Equal(info.ModTime()) {
		return known.sum, nil
	}
	content, ok := file.(io.ReadSeeker)
	if !ok {
		return "", &core.Error{Code: core.CodeInternal, Op: "http_static read name=" + name, Message: "files of this kind can't be sent"}
	}
	sum := sha256.New()
	_, err := io.Copy(sum, content)
	if err == nil {
		_, err = content.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", &core.Error{Op: "http_static read name=" + name, Err: err}
	}
	text := hex.EncodeToString(sum.Sum(nil))
	if info.ModTime().IsZero() || time.Since(info.ModTime()) > settled {
		h.mu.Lock()
		if len(h.hashes) >= maxHashes {
			clear(h.hashes)
		}
		h.hashes[name] = staticHash{info.Size(), info.ModTime(), text}
		h.mu.Unlock()
	}
	return text, nil
}

// serve sends the file of a name, in the best form that the client accepts.
// Nothing was sent where it returns an error.
func (h *HTTPStaticHandle) serve(w http.ResponseWriter, r *http.Request, name string) error {
	file, hashed, err := h.resolve(name)
	if err != nil {
		return err
	}
	defer func() { file.Close() }()
	header := w.Header()
	header.Set("Content-Type", contentType(file.name))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache")
	if hashed || h.immutable(name) {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	coding, form := h.precompressed(w, r, file)
	if form != nil {
		file.Close()
		file = form
		header.Set("Content-Encoding", coding)
	}
	content, ok := file.File.(io.ReadSeeker)
	if !ok {
		return &core.Error{Code: core.CodeInternal, Op: "http_static read name=" + name, Message: "files of this kind can't be sent"}
	}
	header.Set("Etag", file.tag())
	http.ServeContent(w, readableRange(r, file.info.Size()), "", file.info.ModTime(), content)
	return nil
}

func (h *HTTPStaticHandle) immutable(name string) bool {
	return slices.ContainsFunc(h.cfg.Immutable, func(pattern string) bool {
		ok, _ := path.Match(pattern, name) // patterns were tested at the start
		return ok
	})
}

// tag is by size and time where the content is too long to be hashed, as other
// servers have it.
func (f *staticFile) tag() string {
	if f.sum != "" {
		return `"` + f.sum[:32] + `"`
	}
	return fmt.Sprintf(`"%x-%x"`, f.info.Size(), f.info.ModTime().UnixNano())
}

// precompressed returns the best form of a file that there is and that the
// client accepts; nil: the file itself. The caller closes it.
func (h *HTTPStaticHandle) precompressed(w http.ResponseWriter, r *http.Request, file *staticFile) (coding string, form *staticFile) {
	varies := false
	for _, e := range encodings {
		found, err := h.find(file.name + e.extension)
		if err != nil || found.info.ModTime().Before(file.info.ModTime()) {
			if err == nil {
				found.Close()
			}
			continue
		}
		varies = true
		if form != nil || !acceptsCoding(r.Header.Values("Accept-Encoding"), e.coding) {
			found.Close()
			continue
		}
		coding, form = e.coding, found
	}
	if varies {
		w.Header().Add("Vary", "Accept-Encoding")
	}
	return coding, form
}

// contentType goes by the extension: first by this list, which is the same on
// every machine.
func contentType(name string) string {
	extension := strings.ToLower(path.Ext(name))
	if known, ok := contentTypes[extension]; ok {
		return known
	}
	return cmp.Or(mime.TypeByExtension(extension), "application/octet-stream")
}

var contentTypes = map[string]string{
	".avif": "image/avif", ".css": "text/css; charset=utf-8", ".csv": "text/csv; charset=utf-8", ".gif": "image/gif",
	".gz": "application/gzip", ".htm": "text/html; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/vnd.microsoft.icon",
	".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".js": "text/javascript; charset=utf-8", ".json": "application/json",
	".map": "application/json", ".md": "text/markdown; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".mp3": "audio/mpeg",
	".mp4": "video/mp4", ".ogg": "audio/ogg", ".pdf": "application/pdf", ".png": "image/png", ".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8", ".wasm": "application/wasm", ".webmanifest": "application/manifest+json", ".webp": "image/webp",
	".woff2": "font/woff2", ".xml": "text/xml; charset=utf-8", ".zip": "application/zip",
}
