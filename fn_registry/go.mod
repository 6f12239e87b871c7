module fnregistry.dev/fn_registry

go 1.26.0

require (
	fnregistry.dev/functions v0.0.0
	go.yaml.in/yaml/v3 v3.0.6
)

require golang.org/x/mod v0.41.0

replace fnregistry.dev/functions => ../functions
