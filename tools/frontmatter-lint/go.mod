module fnregistry.dev/tools/frontmatter-lint

go 1.26
