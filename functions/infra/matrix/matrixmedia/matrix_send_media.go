package matrixmedia

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// MatrixSendMediaConfig says what [MatrixSendMedia] sends, and where to.
type MatrixSendMediaConfig struct {
	Client *mautrix.Client // uploads, and sends without an Outbox; required
	// Outbox puts the message into the queue once its file is uploaded.
	// Default: it is sent at once.
	Outbox matrix.MatrixEnqueuer
	Room   id.RoomID // required
	// Content, Size, ContentType, SHA256 and MaxSize are those of
	// [MatrixUploadMediaConfig].
	Content     io.Reader
	Size        int64
	ContentType string
	SHA256      []byte
	MaxSize     int64
	FileName    string            // that others see and save it as; default "image", "audio", "video" or "file"
	Caption     string            // text next to it; default none
	Kind        event.MessageType // m.image, m.audio, m.video or m.file; default by ContentType
	// Width and Height in pixels; default read from a PNG, JPEG or GIF.
	Width, Height int
	Duration      time.Duration // of audio and video; default: unknown, and not sent
	// Thumbnail was uploaded by [MatrixUploadMedia] before, encrypted if and
	// only if the room is. Default none.
	Thumbnail     *MatrixUploadMediaResult
	RelatesTo     *event.RelatesTo // reply or thread, as matrix_thread_relation makes it; default none
	Mentions      *event.Mentions  // whom to notify; default nobody
	TransactionID string           // the same one again is the same message; default a new one
}

// MatrixSendMediaResult is a file that was sent, or is in the queue. After an
// error behind the upload it says what was uploaded, and by which transaction
// ID it may have been sent.
type MatrixSendMediaResult struct {
	matrix.MatrixSent
	Upload MatrixUploadMediaResult
}

// MatrixSendMedia uploads a file, encrypted where the room is, and sends the
// message that shows it, or puts it into the outbox. A failed send is not
// repeated: call again with the TransactionID of the result, and the file is
// uploaded again, but shown once.
//
// Errors: CodeUnsupported for an encrypted room where the client has no
// encryption, before anything is sent, unless another process sends the Outbox
// (SentElsewhere); CodeInvalid for a bad Kind, or a
// thumbnail that would show what is encrypted; and those of [MatrixUploadMedia]
// and [matrix.MatrixError].
//
// More in matrix_send_media.md:
//   - A room that is encrypted and a client without encryption is an error
//     before anything is sent, unless another process sends the queue (a
//     matrix_outbox with EnqueueOnly): then the file is encrypted here, and the
//     message with its key by the other process.
//   - The upload and the message are two steps: when the second fails, the file
//     stays on the server, and a repeated call uploads it again.
func MatrixSendMedia(ctx context.Context, cfg MatrixSendMediaConfig) (MatrixSendMediaResult, error) {
	op := "matrix_send_media room=" + ident.Clip(string(cfg.Room), 80)
	fail := func(code core.Code, message, hint string) (MatrixSendMediaResult, error) {
		return MatrixSendMediaResult{}, &core.Error{Code: code, Op: op, Message: message, Hint: hint}
	}
	if message := checkSendMedia(cfg); message != "" {
		return fail(core.CodeInvalid, message, "")
	}
	encrypted, err := roomEncrypted(ctx, cfg.Client, cfg.Room)
	switch {
	case err != nil:
		return MatrixSendMediaResult{}, matrix.MatrixError(op, err)
	case encrypted && cfg.Client.Crypto == nil && !sentElsewhere(cfg.Outbox):
		return MatrixSendMediaResult{}, send.WithOp(op, send.ErrorCleartext())
	case cfg.Thumbnail != nil && encrypted != (cfg.Thumbnail.File != nil):
		return fail(
			core.CodeInvalid,
			"the thumbnail must be encrypted where the room is, and only there",
			"set Encrypt of matrix_upload_media accordingly",
		)
	}
	upload, err := MatrixUploadMedia(ctx, MatrixUploadMediaConfig{
		Client: cfg.Client, Content: cfg.Content, Size: cfg.Size, ContentType: cfg.ContentType, FileName: cfg.FileName,
		Encrypt: encrypted, SHA256: cfg.SHA256, MaxSize: cfg.MaxSize,
	})
	if err != nil {
		return MatrixSendMediaResult{}, err
	}
	sent, err := matrix.MatrixSendEvent(ctx, matrix.MatrixSendEventConfig{
		Client: cfg.Client, Outbox: cfg.Outbox, Room: cfg.Room,
		Type: event.EventMessage.Type, Content: mediaContent(cfg, upload), TransactionID: cfg.TransactionID,
	})
	return MatrixSendMediaResult{MatrixSent: sent, Upload: upload}, err
}

// checkSendMedia says what is wrong with a config.
func checkSendMedia(cfg MatrixSendMediaConfig) string {
	switch {
	case cfg.Client == nil:
		return "no Client given"
	case cfg.Room == "":
		return "no Room given"
	case cfg.Content == nil:
		return "no Content given"
	case cfg.Width < 0 || cfg.Height < 0 || cfg.Duration < 0:
		return "a negative Width, Height or Duration"
	}
	switch cfg.Kind {
	case "", event.MsgImage, event.MsgAudio, event.MsgVideo, event.MsgFile:
		return ""
	}
	return fmt.Sprintf("bad Kind %.40q: there are m.image, m.audio, m.video and m.file", cfg.Kind)
}

// sentElsewhere reports whether another process sends a queue, and encrypts
// what is in it.
func sentElsewhere(queue matrix.MatrixEnqueuer) bool {
	outbox, ok := queue.(interface{ SentElsewhere() bool })
	return ok && outbox.SentElsewhere()
}

// roomEncrypted reports whether a room is encrypted. A state store in memory
// may just not have heard of it, so that its no is not believed.
func roomEncrypted(ctx context.Context, client *mautrix.Client, room id.RoomID) (bool, error) {
	if client.StateStore != nil {
		encrypted, err := client.StateStore.IsEncrypted(ctx, room)
		_, memory := client.StateStore.(*mautrix.MemoryStateStore)
		if err != nil || encrypted || !memory {
			return encrypted, err
		}
	}
	var content event.EncryptionEventContent
	err := client.StateEvent(ctx, room, event.StateEncryption, "", &content)
	if errors.Is(err, mautrix.MNotFound) {
		return false, nil
	}
	if err == nil && client.StateStore != nil { // SendMessageEvent asks it, too
		err = client.StateStore.SetEncryptionEvent(ctx, room, &content)
	}
	return err == nil, err
}

// mediaContent is the message for an uploaded file.
func mediaContent(cfg MatrixSendMediaConfig, upload MatrixUploadMediaResult) *event.MessageEventContent {
	kind := cmp.Or(cfg.Kind, mediaKind(upload.ContentType))
	name := cmp.Or(cfg.FileName, strings.TrimPrefix(string(kind), "m."))
	content := &event.MessageEventContent{
		MsgType:   kind,
		Body:      cmp.Or(cfg.Caption, name),
		FileName:  name,
		RelatesTo: cfg.RelatesTo,
		Mentions:  cmp.Or(cfg.Mentions, &event.Mentions{}),
		File:      upload.File,
		Info: &event.FileInfo{
			MimeType: upload.ContentType,
			Size:     int(upload.Size),
			Width:    cmp.Or(cfg.Width, upload.Width),
			Height:   cmp.Or(cfg.Height, upload.Height),
			Duration: int(cfg.Duration.Milliseconds()),
		},
	}
	if upload.File == nil {
		content.URL = upload.URI.CUString()
	}
	if thumbnail := cfg.Thumbnail; thumbnail != nil {
		content.Info.ThumbnailInfo = &event.FileInfo{
			MimeType: thumbnail.ContentType,
			Size:     int(thumbnail.Size),
			Width:    thumbnail.Width,
			Height:   thumbnail.Height,
		}
		content.Info.ThumbnailFile = thumbnail.File
		if thumbnail.File == nil {
			content.Info.ThumbnailURL = thumbnail.URI.CUString()
		}
	}
	return content
}

// mediaKind is the message type that clients show a content type by.
func mediaKind(contentType string) event.MessageType {
	switch kind, _, _ := strings.Cut(contentType, "/"); kind {
	case "image":
		return event.MsgImage
	case "audio":
		return event.MsgAudio
	case "video":
		return event.MsgVideo
	}
	return event.MsgFile
}
