// Command fn answers questions about a repository's units and makes new ones:
// find, show, similar, uses, impact, graph, new, init, and mcp, which gives the
// same to coding agents. It reads the files; no server has to run. See fn help.
package main

import "fnregistry.dev/functions/infra/program"

func main() { program.ProgramMain(fn()) }
