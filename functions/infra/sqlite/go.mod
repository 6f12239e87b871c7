module fnregistry.dev/functions/infra/sqlite

go 1.26
