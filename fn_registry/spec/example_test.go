package spec_test

import (
	"fmt"

	"fnregistry.dev/fn_registry/spec"
)

func ExampleParse() {
	d := spec.Parse("hash_content.md", []byte("---\nname: hash_content\nkind: fnction\n---\n"))
	for _, p := range d.Problems {
		if p.Key == "kind" {
			fmt.Printf("%s:%d:%d: %s: %s\n%s\n", d.Path, p.Pos.Line, p.Pos.Column, p.Rule, p.Message, p.Hint)
		}
	}
	// Output:
	// hash_content.md:3:7: schema-enum: kind "fnction" is not one of function, type, pipeline, app
	// did you mean function?
}

func ExampleDocument_Set() {
	src := []byte("---\nname: hash_content # stays\ntests: [Empty]\n---\n")
	edits, err := spec.Parse("hash_content.md", src).Set(map[string]any{
		"tested": true,
		"tests":  []string{"Empty", "Stable"},
	})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%s", spec.Apply(src, edits))
	// Output:
	// ---
	// name: hash_content # stays
	// tested: true
	// tests: [Empty, Stable]
	// ---
}
