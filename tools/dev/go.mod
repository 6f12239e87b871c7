module fnregistry.dev/tools/dev

go 1.26.0

tool honnef.co/go/tools/cmd/staticcheck

require (
	fnregistry.dev/fn_registry v0.0.0
	github.com/chromedp/chromedp v0.22.1
	github.com/google/licensecheck v0.3.1
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.3
	go.yaml.in/yaml/v3 v3.0.6
)

require (
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/term v0.33.0 // indirect
)

require (
	fnregistry.dev/functions v0.0.0
	fnregistry.dev/tools/testenv/testkit/browser v0.0.0
	github.com/BurntSushi/toml v1.4.1-0.20240526193622-a339e1f7089c // indirect
	github.com/a-h/templ v0.3.977
	golang.org/x/exp/typeparams v0.0.0-20231108232855-2478ac86f678 // indirect
	golang.org/x/mod v0.41.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	honnef.co/go/tools v0.8.2 // indirect
)

replace fnregistry.dev/fn_registry => ../../fn_registry

replace fnregistry.dev/functions => ../../functions

replace fnregistry.dev/tools/testenv/testkit/browser => ../testenv/testkit/browser
