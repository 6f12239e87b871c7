module fnregistry.dev/tools/frontmatter-lint

go 1.26.0

require (
	fnregistry.dev/fn_registry v0.0.0
	fnregistry.dev/functions v0.0.0
	github.com/rogpeppe/go-internal v1.16.0
)

require golang.org/x/term v0.33.0 // indirect

require (
	fnregistry.dev/tools/testenv/testkit/scripttest v0.0.0
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/sys v0.34.0 // indirect
	golang.org/x/tools v0.26.0 // indirect
)

replace fnregistry.dev/fn_registry => ../../fn_registry

replace fnregistry.dev/functions => ../../functions

replace fnregistry.dev/tools/testenv/testkit/scripttest => ../../tools/testenv/testkit/scripttest
