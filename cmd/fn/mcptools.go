package main

import (
	"reflect"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// tools maps each tool's name to its arguments.
type tools map[string][]string

func (s *service) addTools(server *mcp.Server) tools {
	t := tools{}
	addTool(t, server, "find", "Find units", `Find units by words ("retry backoff"; typos are tolerated), by the shape of a signature ("func(string) (int, error)": `+
		`arguments in any order, _ for any type), or by field words ("tag:sql purity:pure"). Best first. Call it before you write a helper.`, s.find)
	addTool(t, server, "show", "Show a unit", `Show everything about one unit: signature, import path, parameters, result, example, when to use it, gotchas, tests, what it uses and who uses it, `+
		`findings of the linter. Read it before you call the unit.`, s.show)
	addTool(t, server, "similar", "Find near duplicates", `Describe what you are about to write (description, signature, name) to get the units that already do it, with advice: use one, look `+
		`at one first, or write.`, s.similar)
	addTool(t, server, "uses", "What a unit needs", "List all units that a unit's code reaches, nearest first.", s.uses)
	addTool(t, server, "impact", "What a change may break", "List all units and programs whose code reaches a unit, nearest first: what may break when it changes. Call it before you change a unit.", s.impact)
	addTool(t, server, "graph", "Graph of uses", "Give the graph of uses around a unit, or the whole one, as Mermaid, DOT or JSON text.", s.graph)
	addTool(t, server, "size", "Binary size of units", `Measure how many bytes units add to a program's binary, individually and together, by building it: to a small server, or to a program of the repository. `+
		`It takes seconds, the first time up to minutes. Call it before you import a driver or another heavy unit.`, s.size)
	addTool(t, server, "lint", "Check specs against code", "List what the linter finds: specs that differ from their code, rules of imports and purity, and more. Call it after a change.", s.lint)
	no := false
	t["fix"], t["new"] = argumentsOf[lintIn](), argumentsOf[newIn]()
	mcp.AddTool(server, &mcp.Tool{Name: "fix", Title: "Fix specs",
		Description: "Fill in the specs from the code, as frontmatter-lint -fix does: signature, uses, imports, tests. It changes specs only, and says which.",
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &no, IdempotentHint: true, OpenWorldHint: &no},
	}, s.fix)
	mcp.AddTool(server, &mcp.Tool{Name: "new", Title: "Create a unit",
		Description: `Create a unit or a program: Go file, spec and test that compile and pass the linter. Without write it only shows the files. Existing files are never overwritten, ` +
			`and near duplicates are refused, with the units to use instead. The function refuses every call until you write its body; then replace its test and the spec's texts.`,
		Annotations: &mcp.ToolAnnotations{DestructiveHint: &no, OpenWorldHint: &no},
	}, s.new)
	return t
}

// argumentsOf lists the names of a tool's arguments.
func argumentsOf[In any]() []string {
	var names []string
	for f := range reflect.TypeFor[In]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Type.Kind() == reflect.Slice {
			name += " (a list)"
		}
		names = append(names, name)
	}
	return names
}

// addTool adds a tool that only reads.
func addTool[In, Out any](
	t tools,
	server *mcp.Server,
	name, title, description string,
	handler mcp.ToolHandlerFor[In, Out],
) {
	no := false
	t[name] = argumentsOf[In]()
	mcp.AddTool(server, &mcp.Tool{Name: name, Title: title, Description: description,
		Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: &no}}, handler)
}

// text is an answer for people and agents in addition to the structured one.
func text(s string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: s}}}
}
