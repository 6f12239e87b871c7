module fnregistry.dev/functions/infra/keyring

go 1.26.0

require (
	fnregistry.dev/functions v0.0.0
	fnregistry.dev/tools/testenv/testkit v0.0.0
	github.com/danieljoos/wincred v1.2.3
	github.com/godbus/dbus/v5 v5.2.2
	github.com/zalando/go-keyring v0.2.8
	go.uber.org/goleak v1.3.0
)

require golang.org/x/sys v0.34.0 // indirect

replace (
	fnregistry.dev/functions => ../..
	fnregistry.dev/tools/testenv/testkit => ../../../tools/testenv/testkit
)
