module fnregistry.dev/fn_registry

go 1.26

require go.yaml.in/yaml/v3 v3.0.6
