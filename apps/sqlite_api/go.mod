module fnregistry.dev/apps/sqlite_api

go 1.26.0

require (
	fnregistry.dev/functions v0.0.0
	fnregistry.dev/functions/infra/http/httpapi/httpapitest v0.0.0
	fnregistry.dev/functions/infra/sqlite v0.0.0
	fnregistry.dev/tools/testenv/testkit/browser v0.0.0
	fnregistry.dev/tools/testenv/testkit/scripttest v0.0.0
	github.com/chromedp/chromedp v0.22.1
	github.com/rogpeppe/go-internal v1.16.0
)

require (
	github.com/google/jsonschema-go v0.4.3 // indirect
	github.com/segmentio/asm v1.1.3 // indirect
	github.com/segmentio/encoding v0.5.4 // indirect
	github.com/yosida95/uritemplate/v3 v3.0.2 // indirect
	golang.org/x/oauth2 v0.35.0 // indirect
	golang.org/x/sync v0.23.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

require (
	github.com/bahlo/generic-list-go v0.2.0 // indirect
	github.com/basgys/goxml2json v1.1.1-0.20231018121955-e66ee54ceaad // indirect
	github.com/buger/jsonparser v1.1.1 // indirect
	github.com/chromedp/cdproto v0.159.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/go-json-experiment/json v0.0.0-20260213210345-44df1a37e875 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mattn/go-sqlite3 v1.14.52 // indirect
	github.com/modelcontextprotocol/go-sdk v1.8.0
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/pb33f/jsonpath v0.1.2 // indirect
	github.com/pb33f/libopenapi v0.28.1 // indirect
	github.com/pb33f/libopenapi-validator v0.9.2 // indirect
	github.com/pb33f/ordered-map/v2 v2.3.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	go.yaml.in/yaml/v4 v4.0.0-rc.2 // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/term v0.46.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	golang.org/x/tools v0.50.0 // indirect
	modernc.org/libc v1.77.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
	modernc.org/sqlite v1.60.0 // indirect
)

replace fnregistry.dev/functions => ../../functions

replace fnregistry.dev/functions/infra/http/httpapi/httpapitest => ../../functions/infra/http/httpapi/httpapitest

replace fnregistry.dev/functions/infra/sqlite => ../../functions/infra/sqlite

replace fnregistry.dev/tools/testenv/testkit => ../../tools/testenv/testkit

replace fnregistry.dev/tools/testenv/testkit/browser => ../../tools/testenv/testkit/browser

replace fnregistry.dev/tools/testenv/testkit/scripttest => ../../tools/testenv/testkit/scripttest
