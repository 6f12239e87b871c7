package matrixmedia

import (
	"cmp"
	"encoding/json"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix/event"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/internal/ident"
)

// MatrixEventMediaResult is the file of a message, as its sender describes it.
// Nothing of it is checked.
type MatrixEventMediaResult struct {
	URI         string                   // mxc://..., for matrix_download_media
	File        *event.EncryptedFileInfo // with the key, of a message in an encrypted room; else nil
	FileName    string                   // may have folders, or be empty
	Caption     string                   // text next to it
	ContentType string
	Size        int64 // in bytes; 0: not said
}

// MatrixEventMedia returns the file that a message or a sticker shows: what
// [MatrixDownloadMedia] wants to know.
//
// Errors: CodeInvalid for an event without a file, and for one that could not
// be decrypted, which may have one.
//
// More in matrix_event_media.md:
//   - FileName is the sender's text: file_name_safe makes a file name of it.
//   - An edit may name another file: give the event whose file is meant.
func MatrixEventMedia(evt matrix.MatrixSyncEvent) (MatrixEventMediaResult, error) {
	op := "matrix_event_media event=" + ident.Clip(string(evt.EventID), 80)
	if evt.Kind == matrix.MatrixKindEncrypted {
		return MatrixEventMediaResult{}, &core.Error{
			Code: core.CodeInvalid, Op: op, Message: "the event can't be decrypted: " + ident.Clip(evt.Reason, 200),
			Hint: "its key is on the sender's device, on another one of yours, or in the key backup",
		}
	}
	var content struct {
		Body     string                   `json:"body"`
		FileName string                   `json:"filename"`
		URL      string                   `json:"url"`
		File     *event.EncryptedFileInfo `json:"file"`
	}
	raw := gjson.GetBytes(evt.Raw, "content").Raw
	if err := json.Unmarshal([]byte(cmp.Or(raw, "{}")), &content); err != nil {
		return MatrixEventMediaResult{}, &core.Error{
			Code: core.CodeInvalid, Op: op, Message: "its content can't be read", Err: err,
		}
	}
	media := MatrixEventMediaResult{
		URI: content.URL, File: content.File, FileName: cmp.Or(content.FileName, content.Body),
	}
	if content.File != nil {
		media.URI = string(content.File.URL)
	}
	if media.URI == "" {
		return MatrixEventMediaResult{}, &core.Error{Code: core.CodeInvalid, Op: op, Message: "the event has no file"}
	}
	if content.FileName != "" && content.Body != content.FileName {
		media.Caption = content.Body
	}
	info := gjson.Get(raw, "info")
	media.ContentType = info.Get("mimetype").String()
	media.Size = max(info.Get("size").Int(), 0)
	return media, nil
}
