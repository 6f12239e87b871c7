// Command frontmatter-lint holds the specs of units against the code that they
// describe, and mends what a machine can know. See --help.
package main

import "fnregistry.dev/functions/infra/program"

func main() { program.ProgramMain(linterProgram()) }
