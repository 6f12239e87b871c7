module fnregistry.dev/cmd/fn

go 1.26
