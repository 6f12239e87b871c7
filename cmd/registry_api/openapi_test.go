package main

import (
	"testing"

	"fnregistry.dev/functions/infra/http/httpapi/httpapitest"
)

// TestOpenAPI compares the server's real responses, to valid requests and to an
// attacker's, with its document.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	s, _ := setup(t)
	httpapitest.HTTPAPIConformance(t, httpapitest.HTTPAPIConformanceConfig{URL: s.url, Requests: []httpapitest.HTTPAPIConformanceRequest{
		{Path: "/api/v1/units"}, {Path: "/api/v1/units?q=numbr&limit=2"}, {Path: "/api/v1/units?q=tga:x"},
		{Path: "/api/v1/units/wait_go_f"}, {Path: "/api/v1/units/tool_go_apps"}, {Path: "/api/v1/units/nope", Status: 404},
		{Path: "/api/v1/units/round_go_f/dependents"}, {Path: "/api/v1/units/wait_go_f/dependencies"},
		{Method: "POST", Path: "/api/v1/similar", Body: `{"description": "waits"}`},
		{Path: "/api/v1/graph"}, {Path: "/api/v1/graph?format=dot"}, {Path: "/api/v1/graph?id=nope", Status: 404}, {Path: "/api/v1/apps"},
		{Path: "/api/v1/findings"}, {Path: "/api/v1/stats"}, {Path: "/healthz"}, {Path: "/readyz"}, {Path: "/metrics"}, {Path: "/openapi.json"},
	}})
}
