module fnregistry.dev/tools/dev

go 1.26
