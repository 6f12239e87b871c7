module fnregistry.dev/functions/infra/sqlite

go 1.26.0

require (
	fnregistry.dev/functions v0.0.0
	github.com/mattn/go-sqlite3 v1.14.52
	modernc.org/libc v1.77.1
	modernc.org/sqlite v1.60.0
)

require (
	fnregistry.dev/tools/testenv/testkit v0.0.0
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	golang.org/x/sys v0.48.0 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
)

replace fnregistry.dev/functions => ../..

replace fnregistry.dev/tools/testenv/testkit => ../../../tools/testenv/testkit
