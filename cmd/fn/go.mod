module fnregistry.dev/cmd/fn

go 1.26.0

require (
	fnregistry.dev/fn_registry v0.0.0
	fnregistry.dev/functions v0.0.0
	github.com/modelcontextprotocol/go-sdk v1.8.0
	github.com/rogpeppe/go-internal v1.16.0
)

require (
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/term v0.33.0 // indirect
)

require (
	fnregistry.dev/tools/testenv/testkit/scripttest v0.0.0
	github.com/google/jsonschema-go v0.4.3 // indirect
	github.com/segmentio/asm v1.1.3 // indirect
	github.com/segmentio/encoding v0.5.4 // indirect
	github.com/yosida95/uritemplate/v3 v3.0.2 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/oauth2 v0.35.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/time v0.15.0 // indirect
	golang.org/x/tools v0.49.0 // indirect
)

replace (
	fnregistry.dev/fn_registry => ../../fn_registry
	fnregistry.dev/functions => ../../functions
)

replace fnregistry.dev/tools/testenv/testkit/scripttest => ../../tools/testenv/testkit/scripttest
