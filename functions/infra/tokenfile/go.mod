module fnregistry.dev/functions/infra/tokenfile

go 1.26.0

require (
	filippo.io/age v1.3.2
	fnregistry.dev/functions v0.0.0
	go.uber.org/goleak v1.3.0
)

require (
	filippo.io/hpke v0.4.0 // indirect
	fnregistry.dev/tools/testenv/testkit v0.0.0
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
)

replace fnregistry.dev/functions => ../..

replace fnregistry.dev/tools/testenv/testkit => ../../../tools/testenv/testkit
