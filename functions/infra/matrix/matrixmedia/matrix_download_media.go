package matrixmedia

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"strings"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/attachment"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/atomicfile"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/work"
)

// MatrixDownloadMediaConfig says what [MatrixDownloadMedia] downloads, and
// where to.
type MatrixDownloadMediaConfig struct {
	Client *mautrix.Client          // required
	URI    string                   // mxc://server/media, as in a message's url; required unless File is given
	File   *event.EncryptedFileInfo // of a message in an encrypted room: it has the URI, and the key
	Writer io.Writer                // gets the content once all of it is there and verified; this or Path is required
	Path   string                   // file that is made or replaced in one step; its folder must exist
	// NoReplace makes a file that is at Path already an error (CodeConflict),
	// also if it comes meanwhile. Default: it is replaced.
	NoReplace bool
	// MaxSize is the most that is accepted, in bytes. Default 100 MiB;
	// negative: no limit.
	MaxSize int64
	SHA256  []byte // of the content, where it is known: other content is an error. Default: not checked
}

// MatrixDownloadMediaResult is what came.
type MatrixDownloadMediaResult struct {
	Size        int64             // in bytes
	SHA256      [sha256.Size]byte // of the content, decrypted
	ContentType string            // as the server says; application/octet-stream for encrypted content
	FileName    string            // as the server says, without folders; often empty. Don't trust it
}

const mediaMaxSize = 100 << 20

// MatrixDownloadMedia downloads a file from the media repository (by the
// authenticated endpoint), decrypts it where it is encrypted, and hands it out
// only when all of it is there: Path is replaced in one step, and Writer gets
// its first byte after the last one was checked. Memory is bounded; what goes
// to a Writer lies in a temporary file meanwhile, still encrypted, if it is
// larger than 1 MiB. A cut or corrupted answer, a 5xx or 429 is tried again,
// twice at most; a download of which nothing moves for a minute is broken off.
//
// Errors: CodeInvalid for a bad URI or key, or content that is not of its hash;
// CodeTooLarge; CodeNotFound; CodeConflict with NoReplace; the code of Writer's
// own error; and those of [matrix.MatrixError] and file_write_atomic.
//
// More in matrix_download_media.md:
//   - Give both URI and File as the message has them: File is nil outside of
//     encrypted rooms, and its key is needed in them.
//   - Without File or SHA256 nothing says that the server sent what the sender
//     had uploaded, only that it is complete.
func MatrixDownloadMedia(ctx context.Context, cfg MatrixDownloadMediaConfig) (MatrixDownloadMediaResult, error) {
	d, err := newDownload(cfg)
	if err != nil {
		return MatrixDownloadMediaResult{}, err
	}
	if err := d.checkFree(); err != nil {
		return MatrixDownloadMediaResult{}, err
	}
	if cfg.Path != "" {
		err = work.RetryDo(ctx, mediaRetry, d.toPath)
	} else {
		err = d.toWriter(ctx)
	}
	if err != nil {
		return MatrixDownloadMediaResult{}, err
	}
	return d.result, nil
}

// download is one call of MatrixDownloadMedia.
type download struct {
	cfg       MatrixDownloadMediaConfig
	op        string
	url       string
	encrypted *attachment.EncryptedFile // nil: plain
	wantRaw   []byte                    // hash of the content as it comes; nil: not known
	limit     int64                     // 0: none
	result    MatrixDownloadMediaResult
}

func newDownload(cfg MatrixDownloadMediaConfig) (*download, error) {
	d := &download{cfg: cfg, op: "matrix_download_media", limit: cmp.Or(cfg.MaxSize, mediaMaxSize)}
	if d.limit < 0 {
		d.limit = 0
	}
	if cfg.File != nil {
		cfg.URI = cmp.Or(cfg.URI, string(cfg.File.URL))
	}
	uri, err := parseMXC(cfg.URI)
	switch {
	case cfg.Client == nil:
		return nil, d.fail(core.CodeInvalid, "no Client given", nil)
	case (cfg.Writer == nil) == (cfg.Path == ""):
		return nil, d.fail(core.CodeInvalid, "give either Writer or Path", nil)
	case len(cfg.SHA256) != 0 && len(cfg.SHA256) != sha256.Size:
		return nil, d.fail(core.CodeInvalid, fmt.Sprintf("SHA256 has %d bytes, not 32", len(cfg.SHA256)), nil)
	case cfg.File != nil && string(cfg.File.URL) != cfg.URI:
		return nil, d.fail(core.CodeInvalid, "URI and File are of different files", nil)
	case err != nil:
		return nil, d.fail(core.CodeInvalid, fmt.Sprintf("bad URI %.200q", cfg.URI), err)
	}
	d.op += " uri=" + uri.String()
	d.url = cfg.Client.BuildURL(mautrix.ClientURLPath{"v1", "media", "download", uri.Homeserver, uri.FileID})
	if cfg.File == nil {
		d.wantRaw = cfg.SHA256
		return d, nil
	}
	// Without what the value has in it of an earlier use, in which the hash may
	// be missing.
	d.encrypted = &attachment.EncryptedFile{
		Key:        cfg.File.Key,
		InitVector: cfg.File.InitVector,
		Hashes:     cfg.File.Hashes,
		Version:    cfg.File.Version,
	}
	if err := d.encrypted.PrepareForDecryption(); err != nil {
		return nil, d.fail(core.CodeInvalid, "the message's key for the file", err)
	}
	d.wantRaw, err = base64.RawStdEncoding.DecodeString(cfg.File.Hashes.SHA256)
	if err != nil || len(d.wantRaw) != sha256.Size {
		return nil, d.fail(core.CodeInvalid, "the message's hash of the file", err)
	}
	return d, nil
}

func (d *download) fail(code core.Code, message string, err error) error {
	return &core.Error{Code: code, Op: d.op, Message: message, Err: err}
}

// checkFree looks for a file at Path before anything is downloaded.
func (d *download) checkFree() error {
	if !d.cfg.NoReplace || d.cfg.Path == "" {
		return nil
	}
	if _, err := os.Lstat(d.cfg.Path); err != nil {
		return nil // what is wrong with the path is said when it is written
	}
	return d.fail(core.CodeConflict, "there is a file already: "+d.cfg.Path, nil)
}

// toPath writes while it comes; file_write_atomic puts it in place when its
// reader has found all in order.
func (d *download) toPath(ctx context.Context) error {
	return d.fetch(ctx, func(raw io.Reader) error {
		if d.cfg.NoReplace {
			return atomicfile.FileCreateAtomic(ctx, d.cfg.Path, d.plain(raw), 0)
		}
		return atomicfile.FileWriteAtomic(ctx, d.cfg.Path, d.plain(raw), 0)
	})
}

// toWriter keeps what comes until it is complete. What goes wrong with the
// Writer is not tried again.
func (d *download) toWriter(ctx context.Context) error {
	var spool *mediaSpool
	defer func() { spool.close() }()
	err := work.RetryDo(ctx, mediaRetry, func(ctx context.Context) error {
		spool.close()
		spool = &mediaSpool{}
		return d.fetch(ctx, func(raw io.Reader) error {
			_, err := io.Copy(spool, raw)
			return err
		})
	})
	if err != nil {
		return err
	}
	if d.encrypted != nil && len(d.cfg.SHA256) != 0 { // the other hashes were checked as it came
		if _, err := io.Copy(io.Discard, d.plain(spool.reader())); err != nil {
			return d.ended(ctx, err)
		}
	}
	if _, err := io.Copy(d.cfg.Writer, untilDone{ctx, d.plain(spool.reader())}); err != nil {
		return d.ended(ctx, err)
	}
	return nil
}

// fetch asks for the file once and gives take its bytes, as they come, verified
// where their hash is known.
func (d *download) fetch(ctx context.Context, take func(raw io.Reader) error) error {
	ctx, watch := newMediaWatch(ctx, 0)
	defer watch.stop()
	_, response, err := d.cfg.Client.MakeFullRequestWithResp(ctx, mautrix.FullRequest{
		Method:           http.MethodGet,
		URL:              d.url,
		DontReadResponse: true,
		MaxAttempts:      1, // the repeated ones are ours
		Client:           mediaClient(d.cfg.Client),
	})
	if response != nil && response.Body != nil {
		defer response.Body.Close()
	}
	if err != nil {
		return mediaError(ctx, d.op, err)
	}
	if d.limit > 0 && response.ContentLength > d.limit {
		return d.tooLarge()
	}
	raw := &verifiedReader{d: d, ctx: ctx, from: response.Body, left: d.limit, sum: sha256.New(), moved: watch.moved}
	if err := take(raw); err != nil {
		return d.ended(ctx, err)
	}
	d.result.ContentType = cmp.Or(response.Header.Get("Content-Type"), "application/octet-stream")
	d.result.FileName = dispositionName(response.Header.Get("Content-Disposition"))
	return nil
}

func (d *download) tooLarge() error {
	return d.fail(core.CodeTooLarge, fmt.Sprintf("more than %d bytes", d.limit), nil)
}

// ended gives the end of a transfer its code: its own, the network's, or that
// of who took the bytes.
func (d *download) ended(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errMediaStalled) {
		return mediaError(ctx, d.op, err)
	}
	if coded := matrix.MatrixError(d.op, err); core.ErrorCode(coded) != core.CodeInternal {
		return coded
	}
	return &core.Error{Code: core.ErrorCode(err), Op: d.op, Err: err}
}

// plain is the content of what came, counted and hashed.
func (d *download) plain(raw io.Reader) io.Reader {
	out := &plainReader{d: d, from: raw, sum: sha256.New()}
	if d.encrypted != nil {
		fresh := *d.encrypted
		sealed := fresh.DecryptStream(raw)
		out.from, out.close = sealed, sealed.Close
	}
	return out
}

// verifiedReader reads what comes from the server. It ends well only where that
// is whole.
type verifiedReader struct {
	d     *download
	ctx   context.Context
	from  io.Reader
	left  int64 // of the limit, where there is one
	sum   hash.Hash
	moved func()
}

func (r *verifiedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if n > 0 {
		r.moved()
		r.sum.Write(p[:n])
	}
	if r.left -= int64(n); r.d.limit > 0 && r.left < 0 {
		return 0, r.d.tooLarge()
	}
	if err == io.EOF && r.d.wantRaw != nil && string(r.sum.Sum(nil)) != string(r.d.wantRaw) {
		return 0, r.d.wrongHash()
	}
	if err != nil && err != io.EOF {
		err = mediaError(r.ctx, r.d.op, err)
	}
	return n, err
}

func (d *download) wrongHash() error {
	return &core.Error{
		Code:    core.CodeInvalid,
		Op:      d.op,
		Message: "the content is not of its SHA-256: it was damaged or exchanged",
	}
}

// plainReader reads the content.
type plainReader struct {
	d     *download
	from  io.Reader
	close func() error
	sum   hash.Hash
	size  int64
}

func (r *plainReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	r.size += int64(n)
	if err != io.EOF {
		return n, err
	}
	if r.close != nil && r.close() != nil {
		return 0, r.d.wrongHash()
	}
	r.sum.Sum(r.d.result.SHA256[:0])
	if want := r.d.cfg.SHA256; len(want) != 0 && string(want) != string(r.d.result.SHA256[:]) {
		return 0, r.d.wrongHash()
	}
	r.d.result.Size = r.size
	return n, err
}

// dispositionName is the file name that a server tells, without what could lead
// out of a folder.
func dispositionName(header string) string {
	_, params, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	name := path.Base(strings.ReplaceAll(params["filename"], `\`, "/"))
	if name == "." || name == "/" || name == ".." || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return ""
	}
	return name
}
