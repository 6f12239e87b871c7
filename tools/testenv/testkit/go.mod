module fnregistry.dev/tools/testenv/testkit

go 1.26.0
