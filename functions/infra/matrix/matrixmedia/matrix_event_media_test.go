package matrixmedia_test

import (
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix"
	"fnregistry.dev/functions/infra/matrix/matrixmedia"
)

func mediaEvent(content string) matrix.MatrixSyncEvent {
	return matrix.MatrixEventParse("!r:b", []byte(`{"type":"m.room.message","event_id":"$e","content":`+content+`}`))
}

func TestMatrixEventMedia_Forms(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]matrixmedia.MatrixEventMediaResult{
		`{"msgtype":"m.file","body":"a.txt","url":"mxc://b/c","info":{"mimetype":"text/plain","size":3}}`: {
			URI: "mxc://b/c", FileName: "a.txt", ContentType: "text/plain", Size: 3,
		},
		`{"msgtype":"m.image","body":"look","filename":"../a.png","url":"mxc://b/c","info":"none"}`: {
			URI: "mxc://b/c", FileName: "../a.png", Caption: "look",
		},
	} {
		got, err := matrixmedia.MatrixEventMedia(mediaEvent(content))
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", content, got, err)
		}
	}
	sealed := `{"body":"a","file":{"url":"mxc://b/c","v":"v2","iv":"aXY","key":{"k":"a2V5","kty":"oct"},"hashes":{"sha256":"aA"}},"url":"mxc://other/x"}`
	got, err := matrixmedia.MatrixEventMedia(mediaEvent(sealed))
	if err != nil || got.URI != "mxc://b/c" || got.File == nil || got.File.InitVector != "aXY" {
		t.Errorf("encrypted: %+v, %v", got, err)
	}
}

func TestMatrixEventMedia_Wrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		evt  matrix.MatrixSyncEvent
		want string
	}{
		"text":      {mediaEvent(`{"msgtype":"m.text","body":"hi"}`), "no file"},
		"types":     {mediaEvent(`{"body":7,"url":[]}`), "can't be read"},
		"no object": {mediaEvent(`"x"`), "can't be read"},
		"nothing":   {matrix.MatrixSyncEvent{}, "no file"},
		"locked":    {matrix.MatrixSyncEvent{Kind: matrix.MatrixKindEncrypted, Reason: "no key"}, "no key"},
	} {
		_, err := matrixmedia.MatrixEventMedia(c.evt)
		if core.ErrorCode(err) != core.CodeInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
