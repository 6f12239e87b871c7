module fnregistry.dev/functions

go 1.26
