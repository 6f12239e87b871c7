// Command fn answers questions about a repository's units and creates new ones:
// find, show, similar, uses, impact, graph, new, init, and mcp, which offers
// the same to coding agents. It reads the files directly and needs no server.
// See fn help.
package main

import "fnregistry.dev/functions/infra/program"

func main() { program.ProgramMain(fn()) }
