package spec

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// sample is the example of the design: a valid spec.
func sample(tb testing.TB) []byte {
	tb.Helper()
	src, err := os.ReadFile("testdata/sample.md")
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

func TestParse_Sample(t *testing.T) {
	t.Parallel()
	src := sample(t)
	d := Parse("functions/infra/matrix/matrix_sync_service.md", src)
	if len(d.Problems) != 0 {
		t.Fatalf("problems: %+v", d.Problems)
	}
	want := Spec{
		Name: "matrix_sync_service", Kind: KindFunction, Lang: "go", Domain: "infra", Version: "0.1.0", Purity: PurityImpure,
		Signature:   "func MatrixSyncService(ctx context.Context, cfg MatrixSyncServiceConfig) (*MatrixSyncServiceHandle, error)",
		Description: "Runs a Matrix client's sync loop in the background with exponential backoff, sends normalized events on a channel, and stops once however often Stop is called.",
		Tags:        []string{"matrix", "mautrix", "sync", "longpoll", "reconnect", "goroutine", "channels"},
		Params: []Param{
			{"ctx", "Parent context. When it is cancelled the goroutine leaves and closes the channels."},
			{"cfg.Client", "*mautrix.Client with homeserver URL, access token and user ID (matrix_client_init makes one). Required."},
			{"cfg.InitialBackoffMS", "First wait after a failed sync, in milliseconds. Default 1000."},
			{"cfg.MaxBackoffMS", "Ceiling of the backoff, in milliseconds. Default 60000."},
			{
				"cfg.ChannelBuffer",
				"Capacity of Events. A full buffer blocks the sync until the consumer drains it. Default 256.",
			},
		},
		Output:        "Handle with Events (<-chan MatrixSyncEvent), Errors (<-chan error, transient, never fatal) and Stop (idempotent; closes both channels).",
		UsesFunctions: []string{}, UsesTypes: []string{}, Returns: []string{}, ErrorType: "error_go_core",
		Imports:   []string{"maunium.net/go/mautrix", "maunium.net/go/mautrix/event", "maunium.net/go/mautrix/id"},
		BuildTags: []string{"goolm"}, Tested: true,
		Tests: []string{
			"ReceivesMessageAndStop",
			"BackoffRecovery",
			"Error401NoExit",
			"IdempotentStop",
			"CtxCancelClosesChannels",
		},
		TestFilePath: "functions/infra/matrix/matrix_sync_service_test.go",
		FilePath:     "functions/infra/matrix/matrix_sync_service.go",
	}
	if !reflect.DeepEqual(d.Spec, want) {
		t.Errorf("got  %+v\nwant %+v", d.Spec, want)
	}
	if got := d.Spec.ID(); got != "matrix_sync_service_go_infra" {
		t.Errorf("ID = %s", got)
	}
	for _, k := range Keys() {
		if d.Has(k.Name) == (slices.Contains(k.Required, KindFunction) == false) {
			t.Errorf("Has(%s) = %v", k.Name, d.Has(k.Name))
		}
	}
}

func TestParse_Places(t *testing.T) {
	t.Parallel()
	src := sample(t)
	d := Parse("x.md", src)
	text := func(p Pos) string { // the rest of the line at that place
		return strings.Split(string(src), "\n")[p.Line-1][p.Column-1:]
	}
	for _, tc := range []struct {
		what string
		pos  Pos
		want string
	}{
		{"key", d.KeyPos("tags"), "tags: [matrix"},
		{"value", d.ValuePos("tags"), "[matrix, m"},
		{"quoted value", d.ValuePos("signature"), `"func Mat`},
		{"item", d.ItemPos("tags", 1), "mautrix, sync"},
		{"param", d.ItemPos("params", 2), "cfg.InitialBackoffMS"},
		{"item that is not there", d.ItemPos("tags", 99), "[matrix"},
		{"key that is not there", d.KeyPos("run"), "---"},
		{"value that is not there", d.ValuePos("run"), "---"},
		{"body", d.Body.Start, ""},
	} {
		if got := text(tc.pos); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s at %+v: %q, want %q", tc.what, tc.pos, got, tc.want)
		}
	}
}
