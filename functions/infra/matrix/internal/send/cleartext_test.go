package send_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

func TestCheckCleartext(t *testing.T) {
	t.Parallel()
	store := mautrix.NewMemoryStateStore()
	client := &mautrix.Client{StateStore: store}
	for room, algorithms := range map[id.RoomID][]id.Algorithm{
		"!encrypted:x": {id.AlgorithmMegolmV1}, "!unknown:x": {"org.example.quantum"}, "!undone:x": {id.AlgorithmMegolmV1, ""},
	} {
		for _, algorithm := range algorithms {
			if err := store.SetEncryptionEvent(t.Context(), room, &event.EncryptionEventContent{Algorithm: algorithm}); err != nil {
				t.Fatal(err)
			}
		}
		for kind, content := range map[string]string{
			"m.room.message": `{"body":"secret"}`, "m.reaction": `{"m.relates_to":{"key":"secret"}}`, "org.example.x": `{}`,
			"m.room.redaction": `{"redacts":"$1","Reason":"secret"}`, // encoding/json reads this as reason
		} {
			err := send.CheckCleartext(t.Context(), client, room, kind, []byte(content))
			if core.ErrorCode(err) != core.CodeUnsupported || core.ErrorHint(err) == "" {
				t.Errorf("%s into %s: %v", kind, room, err)
			}
			if err := send.CheckCleartext(t.Context(), client, "!open:x", kind, []byte(content)); err != nil {
				t.Errorf("%s into an open room: %v", kind, err)
			}
		}
		for kind, content := range map[string]string{"m.room.encrypted": `{"ciphertext":"x"}`, "m.room.redaction": `{"redacts":"$1"}`} {
			if err := send.CheckCleartext(t.Context(), client, room, kind, []byte(content)); err != nil {
				t.Errorf("%s into %s: %v", kind, room, err)
			}
		}
	}
}

// Units send only through Once, which has the check.
func TestOneWayOut(t *testing.T) {
	t.Parallel()
	sends := regexp.MustCompile(`\.(SendMessageEvent|SendText|SendNotice|SendReaction|RedactEvent|SendStateEvent)\(|"rooms", .*"(send|redact)"`)
	found := 0
	for _, root := range []string{"../..", "../../../../../apps"} {
		err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			if err == nil && sends.Match(text) {
				if found++; path != "internal/send/send.go" && path != "matrixoutbox/flush.go" { // the latter's has no content
					t.Errorf("%s sends without send.Once", path)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found == 0 {
		t.Error("nothing sends: the pattern is outdated")
	}
}
