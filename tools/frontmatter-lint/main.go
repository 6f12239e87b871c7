// Command frontmatter-lint checks the specs of units against their code, and
// fixes what can be derived from it. See --help.
package main

import "fnregistry.dev/functions/infra/program"

func main() { program.ProgramMain(linterProgram()) }
