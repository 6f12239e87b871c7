module fnregistry.dev/cmd/registry_api

go 1.26
