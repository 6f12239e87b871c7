package matrix_test

import (
	"encoding/json"
	"testing"

	"fnregistry.dev/functions/infra/matrix"
)

func TestMatrixThreadRelation(t *testing.T) {
	t.Parallel()
	type config = matrix.MatrixThreadRelationConfig
	plain := matrix.MatrixSyncEvent{Type: "m.room.message", EventID: "$evt"}
	threaded := matrix.MatrixSyncEvent{Type: "m.room.message", EventID: "$evt", ThreadRoot: "$root"}
	edit := matrix.MatrixSyncEvent{Type: "m.room.message", EventID: "$edit", Edits: "$evt"}
	reaction := matrix.MatrixSyncEvent{Type: "m.reaction", EventID: "$reaction", RelatesTo: "$evt", Key: "x"}
	for _, c := range []struct {
		name string
		evt  matrix.MatrixSyncEvent
		cfg  config
		want string
	}{
		{"main timeline", plain, config{}, `{"m.in_reply_to":{"event_id":"$evt"}}`},
		{"main timeline has no quote", plain, config{Quote: true, Latest: "$latest"}, `{"m.in_reply_to":{"event_id":"$evt"}}`},
		{"starts a thread", plain, config{StartThread: true}, `{"rel_type":"m.thread","event_id":"$evt","m.in_reply_to":{"event_id":"$evt"},"is_falling_back":true}`},
		{"in a thread", threaded, config{}, `{"rel_type":"m.thread","event_id":"$root","m.in_reply_to":{"event_id":"$evt"},"is_falling_back":true}`},
		{"in a thread, with its latest", threaded, config{Latest: "$latest"}, `{"rel_type":"m.thread","event_id":"$root","m.in_reply_to":{"event_id":"$latest"},"is_falling_back":true}`},
		{"quoted in a thread", threaded, config{Quote: true, Latest: "$latest"}, `{"rel_type":"m.thread","event_id":"$root","m.in_reply_to":{"event_id":"$evt"}}`},
		{"a thread is not started in a thread", threaded, config{StartThread: true}, `{"rel_type":"m.thread","event_id":"$root","m.in_reply_to":{"event_id":"$evt"},"is_falling_back":true}`},
		{"out of a thread", threaded, config{LeaveThread: true}, `{"m.in_reply_to":{"event_id":"$evt"}}`},
		{"an edit", edit, config{}, `{"m.in_reply_to":{"event_id":"$evt"}}`},
		{"an edit is no root", edit, config{StartThread: true}, `{"rel_type":"m.thread","event_id":"$evt","m.in_reply_to":{"event_id":"$evt"},"is_falling_back":true}`},
		{"an edit in a thread", edit, config{ThreadRoot: "$root"}, `{"rel_type":"m.thread","event_id":"$root","m.in_reply_to":{"event_id":"$evt"},"is_falling_back":true}`},
		{"a reaction", reaction, config{StartThread: true}, `{"rel_type":"m.thread","event_id":"$evt","m.in_reply_to":{"event_id":"$evt"},"is_falling_back":true}`},
		{"nothing", matrix.MatrixSyncEvent{}, config{StartThread: true}, `null`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := json.Marshal(matrix.MatrixThreadRelation(c.evt, c.cfg))
			if err != nil || string(got) != c.want {
				t.Errorf("got %s %v, want %s", got, err, c.want)
			}
		})
	}
}
