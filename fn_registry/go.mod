module fnregistry.dev/fn_registry

go 1.26
