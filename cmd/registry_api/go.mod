module fnregistry.dev/cmd/registry_api

go 1.26.0

require (
	github.com/yuin/goldmark v1.8.7
	go.uber.org/goleak v1.3.0
)

require (
	github.com/bahlo/generic-list-go v0.2.0 // indirect
	github.com/basgys/goxml2json v1.1.1-0.20231018121955-e66ee54ceaad // indirect
	github.com/buger/jsonparser v1.1.1 // indirect
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/pb33f/jsonpath v0.1.2 // indirect
	github.com/pb33f/ordered-map/v2 v2.3.0 // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	go.yaml.in/yaml/v4 v4.0.0-rc.2 // indirect
	golang.org/x/net v0.46.0 // indirect
	golang.org/x/sys v0.37.0 // indirect
	golang.org/x/term v0.36.0 // indirect
	golang.org/x/text v0.30.0 // indirect
)

require (
	fnregistry.dev/fn_registry v0.0.0
	fnregistry.dev/functions v0.0.0
	fnregistry.dev/functions/infra/http/httpapi/httpapitest v0.0.0
	fnregistry.dev/tools/testenv/testkit/browser v0.0.0
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/chromedp/chromedp v0.22.1
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/pb33f/libopenapi v0.28.1 // indirect
	github.com/pb33f/libopenapi-validator v0.9.2 // indirect
)

replace (
	fnregistry.dev/fn_registry => ../../fn_registry
	fnregistry.dev/functions => ../../functions
	fnregistry.dev/functions/infra/http/httpapi/httpapitest => ../../functions/infra/http/httpapi/httpapitest
	fnregistry.dev/tools/testenv/testkit/browser => ../../tools/testenv/testkit/browser
)
