package spec

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the published JSON Schema")

// TestJSONSchema_Published fails when the model has changed and the published
// schema has not. That the schema accepts and refuses the right specs is tested
// in tools/dev/schematest, which may import a validator.
func TestJSONSchema_Published(t *testing.T) {
	t.Parallel()
	const path = "../../docs/spec.schema.json"
	want := JSONSchema()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the model says: run go test ./spec -run JSONSchema -update", path)
	}
}
