module fnregistry.dev/apps/matrix_tail

go 1.26.0

replace fnregistry.dev/functions => ../../functions

replace fnregistry.dev/functions/infra/keyring => ../../functions/infra/keyring

replace fnregistry.dev/functions/infra/matrix => ../../functions/infra/matrix

replace fnregistry.dev/functions/infra/sqlite => ../../functions/infra/sqlite

replace fnregistry.dev/functions/infra/tokenfile => ../../functions/infra/tokenfile

replace fnregistry.dev/tools/testenv/testkit => ../../tools/testenv/testkit

require (
	fnregistry.dev/functions v0.0.0
	fnregistry.dev/functions/infra/keyring v0.0.0
	fnregistry.dev/functions/infra/matrix v0.0.0
	fnregistry.dev/functions/infra/sqlite v0.0.0
	fnregistry.dev/functions/infra/tokenfile v0.0.0
	fnregistry.dev/tools/testenv/testkit v0.0.0
	github.com/tidwall/gjson v1.19.0
	maunium.net/go/mautrix v0.31.0
)

require (
	filippo.io/age v1.3.2 // indirect
	filippo.io/edwards25519 v1.2.0 // indirect
	filippo.io/hpke v0.4.0 // indirect
	github.com/danieljoos/wincred v1.2.3 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/godbus/dbus/v5 v5.2.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.24 // indirect
	github.com/mattn/go-sqlite3 v1.14.52 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/petermattis/goid v0.0.0-20260820044319-269ab09b5261 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/rs/zerolog v1.35.1 // indirect
	github.com/tidwall/match v1.1.1 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	github.com/yuin/goldmark v1.8.7 // indirect
	github.com/zalando/go-keyring v0.2.8 // indirect
	go.mau.fi/util v0.10.1 // indirect
	go.yaml.in/yaml/v3 v3.0.6 // indirect
	golang.org/x/crypto v0.57.0 // indirect
	golang.org/x/exp v0.0.0-20260908205506-85c1c2202aba // indirect
	golang.org/x/net v0.59.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/term v0.46.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	modernc.org/libc v1.77.1 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.12.1 // indirect
	modernc.org/sqlite v1.60.0 // indirect
)
