package matrixmedia

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/crypto/attachment"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/work"
)

// MatrixUploadMediaConfig says what [MatrixUploadMedia] uploads.
type MatrixUploadMediaConfig struct {
	Client *mautrix.Client // required
	// Content is read from its position to its end. Where it is an
	// io.Seeker, a failed upload is repeated from there. Required.
	Content io.Reader
	// Size of Content in bytes. Default: found out by seeking; where Content
	// can't seek, it is first copied to a temporary file. With Size and without
	// seeking it is streamed, and a failure is not repeated. Negative: it is
	// empty.
	Size int64
	// ContentType, such as image/png. Default: guessed from the first bytes.
	// Encrypted content is sent as application/octet-stream.
	ContentType string
	FileName    string // that others see; not sent to the server with encrypted content
	Encrypt     bool   // encrypt it; what is needed to decrypt it is File of the result
	SHA256      []byte // of Content, where it is known: other content is an error. Default: not checked
	MaxSize     int64  // in bytes; default and ceiling: what the server's media config says
}

// MatrixUploadMediaResult is an uploaded file.
type MatrixUploadMediaResult struct {
	URI           id.ContentURI            // mxc://...
	File          *event.EncryptedFileInfo // with the key; nil unless it was encrypted. For messages in encrypted rooms
	Size          int64                    // of the content, in bytes
	SHA256        [sha256.Size]byte        // of the content as it was before encryption
	ContentType   string
	FileName      string
	Width, Height int // of a PNG, JPEG or GIF, in pixels; 0: not known
}

// MatrixUploadMedia uploads a file to the homeserver's media repository in
// bounded memory, encrypted or not. What is too large by the server's own limit
// is refused before it is sent. A broken connection, a 5xx or 429 is tried
// again, twice at most; an upload of which nothing moves for a minute is broken
// off. A Read of Content that is under way is waited for.
//
// Errors: CodeTooLarge, CodeInvalid for content that is shorter or longer than
// Size or not of SHA256, the code of Content's own error, and those of
// [matrix.MatrixError].
//
// More in matrix_upload_media.md:
//   - An upload that nobody refers to stays on the server.
//   - A stream without Size is copied to the folder for temporary files first,
//     unencrypted: servers want to know the length beforehand.
func MatrixUploadMedia(ctx context.Context, cfg MatrixUploadMediaConfig) (MatrixUploadMediaResult, error) {
	u := upload{cfg: cfg, op: "matrix_upload_media"}
	switch {
	case cfg.Client == nil:
		return MatrixUploadMediaResult{}, u.fail(core.CodeInvalid, "no Client given", "")
	case cfg.Content == nil:
		return MatrixUploadMediaResult{}, u.fail(core.CodeInvalid, "no Content given", "")
	case len(cfg.SHA256) != 0 && len(cfg.SHA256) != sha256.Size:
		return MatrixUploadMediaResult{}, u.fail(
			core.CodeInvalid,
			fmt.Sprintf("SHA256 has %d bytes, not 32", len(cfg.SHA256)),
			"give the sum itself, not its hex digits",
		)
	}
	defer u.spool.close()
	if err := u.prepare(ctx); err != nil {
		return MatrixUploadMediaResult{}, err
	}
	retry := mediaRetry
	if u.seeker == nil {
		retry.Tries = 1
	}
	if err := work.RetryDo(ctx, retry, u.try); err != nil {
		return MatrixUploadMediaResult{}, err
	}
	return u.result, nil
}

// upload is one call of MatrixUploadMedia.
type upload struct {
	cfg    MatrixUploadMediaConfig
	op     string
	size   int64
	limit  int64     // 0: none
	source io.Reader // without a seeker: Content, of which the head is read again
	seeker io.ReadSeeker
	start  int64
	spool  mediaSpool
	result MatrixUploadMediaResult
}

func (u *upload) fail(code core.Code, message, hint string) error {
	return &core.Error{Code: code, Op: u.op, Message: message, Hint: hint}
}

// prepare finds out limit, size and type.
func (u *upload) prepare(ctx context.Context) error {
	err := work.RetryDo(ctx, mediaRetry, func(ctx context.Context) (err error) {
		u.limit, err = mediaUploadLimit(ctx, u.cfg.Client)
		return err
	})
	if err != nil {
		return err
	}
	if u.cfg.MaxSize > 0 && (u.limit == 0 || u.cfg.MaxSize < u.limit) {
		u.limit = u.cfg.MaxSize
	}
	u.size = max(u.cfg.Size, 0)
	if err := u.findSize(ctx); err != nil {
		return err
	}
	if u.limit > 0 && u.size > u.limit {
		return u.tooLarge()
	}
	return u.look()
}

func (u *upload) tooLarge() error {
	return u.fail(core.CodeTooLarge, fmt.Sprintf("more than %d bytes, the limit for uploads", u.limit), "")
}

func (u *upload) findSize(ctx context.Context) error {
	if seeker, ok := u.cfg.Content.(io.ReadSeeker); ok {
		start, err := seeker.Seek(0, io.SeekCurrent)
		if err == nil {
			u.seeker, u.start = seeker, start
			if u.cfg.Size != 0 {
				return nil
			}
			end, err := seeker.Seek(0, io.SeekEnd)
			u.size = max(end-start, 0)
			return u.readError(err)
		} // else a pipe, whose type could seek
	}
	u.source = u.cfg.Content
	if u.cfg.Size != 0 {
		return nil
	}
	from := u.source
	if u.limit > 0 {
		from = io.LimitReader(from, max(u.limit, u.limit+1)) // u.limit+1 may overflow
	}
	if _, err := io.Copy(&u.spool, untilDone{ctx, from}); err != nil {
		return u.readError(err)
	}
	u.size, u.seeker = u.spool.size, u.spool.reader()
	return nil
}

func (u *upload) readError(err error) error {
	if err == nil {
		return nil
	}
	return &core.Error{Code: core.ErrorCode(err), Op: u.op, Message: "reading the content", Err: err}
}

// look guesses the type and reads an image's size from the first bytes.
func (u *upload) look() error {
	var head []byte
	if u.seeker != nil {
		if _, err := u.seeker.Seek(u.start, io.SeekStart); err != nil {
			return u.readError(err)
		}
		head = make([]byte, min(u.size, mediaHead))
		n, err := io.ReadFull(u.seeker, head)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return u.readError(err)
		}
		head = head[:n]
	} else {
		buffered := bufio.NewReaderSize(u.source, mediaHead)
		head, _ = buffered.Peek(int(min(u.size, mediaHead))) // an error comes again when it is read
		u.source = buffered
	}
	u.result = MatrixUploadMediaResult{
		Size:        u.size,
		FileName:    u.cfg.FileName,
		ContentType: cmp.Or(u.cfg.ContentType, http.DetectContentType(head)),
	}
	u.result.Width, u.result.Height = imageSize(head)
	return nil
}

// try uploads once.
func (u *upload) try(ctx context.Context) error {
	source := u.source
	if u.seeker != nil {
		if _, err := u.seeker.Seek(u.start, io.SeekStart); err != nil {
			return u.readError(err)
		}
		source = u.seeker
	}
	ctx, watch := newMediaWatch(ctx, 0)
	defer watch.stop()
	plain := &exactReader{from: source, left: u.size, sum: sha256.New(), moved: watch.moved}
	var body io.Reader = plain
	contentType, fileName := u.result.ContentType, u.cfg.FileName
	var file *event.EncryptedFileInfo
	var sealed io.ReadCloser
	if u.cfg.Encrypt {
		file = &event.EncryptedFileInfo{EncryptedFile: *attachment.NewEncryptedFile()} // a new key for each try
		sealed = file.EncryptStream(plain)
		body = sealed
		contentType, fileName = "application/octet-stream", ""
	}
	gate := &gatedReader{from: body}
	uri, err := u.post(ctx, gate, contentType, fileName)
	gate.shut()
	if plain.err != nil {
		return u.readError(plain.err)
	}
	if plain.short || plain.long {
		return u.fail(
			core.CodeInvalid,
			fmt.Sprintf("the content does not have the %d bytes of its size", u.size),
			"was it changed meanwhile?",
		)
	}
	if err != nil {
		return mediaError(ctx, u.op, err)
	}
	plain.sum.Sum(u.result.SHA256[:0])
	if len(u.cfg.SHA256) != 0 && !bytes.Equal(u.cfg.SHA256, u.result.SHA256[:]) {
		return u.fail(
			core.CodeInvalid,
			fmt.Sprintf("the content's SHA-256 is %x, not %x", u.result.SHA256, u.cfg.SHA256),
			"",
		)
	}
	u.result.URI = uri
	if file != nil {
		_ = sealed.Close() // this sets the hash
		file.URL = uri.CUString()
		u.result.File = file
	}
	return nil
}

func (u *upload) post(ctx context.Context, body io.Reader, contentType, fileName string) (id.ContentURI, error) {
	address := u.cfg.Client.BuildURL(mautrix.MediaURLPath{"v3", "upload"})
	if fileName != "" {
		address += "?" + url.Values{"filename": {fileName}}.Encode()
	}
	request := mautrix.FullRequest{
		Method:            http.MethodPost,
		URL:               address,
		Headers:           http.Header{"Content-Type": {contentType}},
		MaxAttempts:       1, // the repeated ones are ours
		ResponseSizeLimit: 1 << 20,
		Client:            mediaClient(u.cfg.Client),
	}
	if u.size == 0 { // a body of unknown length otherwise, which Synapse refuses
		if _, err := io.Copy(io.Discard, body); err != nil {
			return id.ContentURI{}, err
		}
		request.RequestBytes = []byte{}
	} else {
		request.RequestBody, request.RequestLength = body, u.size
	}
	var answer mautrix.RespMediaUpload
	request.ResponseJSON = &answer
	if _, err := u.cfg.Client.MakeFullRequest(ctx, request); err != nil {
		return id.ContentURI{}, err
	}
	if _, err := parseMXC(answer.ContentURI.String()); err != nil {
		return id.ContentURI{}, &core.Error{
			Code:    core.CodeUnavailable,
			Op:      u.op,
			Message: "the server's response has no content URI",
			Err:     err,
		}
	}
	return answer.ContentURI, nil
}

// exactReader reads as many bytes as were announced to the server, and notes
// whether there are fewer or more.
type exactReader struct {
	from        io.Reader
	left        int64
	sum         hash.Hash
	moved       func()
	short, long bool
	err         error
}

func (r *exactReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, r.end()
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
	r.sum.Write(p[:n])
	r.left -= int64(n)
	if n > 0 {
		r.moved()
	}
	switch {
	case err == io.EOF && r.left > 0:
		r.short = true
		return n, io.ErrUnexpectedEOF
	case err != nil && err != io.EOF:
		r.err = err
		return n, err
	case r.left == 0:
		return n, r.end() // net/http does not read past the length
	}
	return n, nil
}

// end looks whether there is more.
func (r *exactReader) end() error {
	var one [1]byte
	for range 100 {
		n, err := r.from.Read(one[:])
		switch {
		case n > 0:
			r.long = true
			return io.ErrUnexpectedEOF
		case err == io.EOF:
			return io.EOF
		case err != nil:
			r.err = err
			return err
		}
	}
	return io.ErrNoProgress
}

// gatedReader ends net/http's reading, which may go on in another goroutine
// after the response is there.
type gatedReader struct {
	mu   sync.Mutex
	from io.Reader
}

func (g *gatedReader) Read(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.from == nil {
		return 0, io.ErrClosedPipe
	}
	return g.from.Read(p)
}

func (g *gatedReader) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.from = nil
}

// untilDone fails once ctx is done.
type untilDone struct {
	ctx  context.Context
	from io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.from.Read(p)
}
