package send_test

import (
	"encoding/json"
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/matrix/internal/send"
)

// Placeholders are replaced where an event names another one, and nowhere else.
func TestTargets(t *testing.T) {
	t.Parallel()
	ids := map[string]id.EventID{"a": "$1", "b": "$2"}
	for content, want := range map[string]struct {
		pending  []string
		replaced string
	}{
		`{"body":"~a","m.relates_to":{"key":"~a"}}`: {nil, ""},
		`{"redacts":"~a"}`:                          {[]string{"a"}, `{"redacts":"$1"}`},
		`{"m.relates_to":{"event_id":"~b"}}`:        {[]string{"b"}, `{"m.relates_to":{"event_id":"$2"}}`},
		`{"m.relates_to":{"event_id":"$3","m.in_reply_to":{"event_id":"~a"}},"body":"<~b>"}`: {[]string{"a"}, `{"body":"<~b>","m.relates_to":{"event_id":"$3","m.in_reply_to":{"event_id":"$1"}}}`},
		`{"redacts":17,"m.relates_to":"~a"}`:                                                 {nil, ""},
	} {
		if got := send.PendingTargets(json.RawMessage(content)); !slices.Equal(got, want.pending) {
			t.Errorf("%s: pending %q", content, got)
		}
		if want.pending == nil {
			continue
		}
		if got, err := send.ReplaceTargets(json.RawMessage(content), ids); err != nil || string(got) != want.replaced {
			t.Errorf("%s: %s %v, want %s", content, got, err, want.replaced)
		}
	}
	if _, err := send.ReplaceTargets(json.RawMessage(`{`), ids); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("damaged content: %v", err)
	}
}

func TestWithOp(t *testing.T) {
	t.Parallel()
	bare := &core.Error{Code: core.CodeInvalid, Message: "bad"}
	if err := send.WithOp("unit verb", bare); err.Error() != "unit verb: bad" || bare.Op != "" {
		t.Errorf("%v, and the error itself is %v", err, bare)
	}
	if err := send.WithOp("other", &core.Error{Op: "unit", Message: "bad"}); err.Error() != "unit: bad" {
		t.Error(err)
	}
	if err := send.WithOp("unit", nil); err != nil {
		t.Error(err)
	}
}
