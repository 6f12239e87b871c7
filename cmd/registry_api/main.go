// Command registry_api serves the units of one or more repositories: an HTTP
// API and pages to find them, to see who uses them, and what the linter finds.
// It picks up file changes while it runs.
package main

import "fnregistry.dev/functions/infra/program"

func main() { program.ProgramMain(registryAPI()) }
