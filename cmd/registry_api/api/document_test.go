package api

import (
	"flag"
	"net/http"
	"testing"

	"fnregistry.dev/functions/infra/http/httpapi/httpapitest"
)

var update = flag.Bool("update", false, "write testdata/openapi.json again")

// TestDocument: the API's requests and responses change only deliberately.
func TestDocument(t *testing.T) {
	t.Parallel()
	a := New(Config{Metrics: http.NotFoundHandler(), Version: "test"})
	httpapitest.HTTPAPIGolden(t, a.Document(), "testdata/openapi.json", *update)
}
