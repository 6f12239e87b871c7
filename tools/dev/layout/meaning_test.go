package main

import (
	"strings"
	"testing"
)

// What -fix could only repair by changing what the code says stays unchanged.
func TestCheck_KeepsMeaning(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 30)
	for name, text := range map[string]string{
		"two imports in a line":             "package a\n\nimport (\n\t\"os\"; \"fmt\"\n\tx \"a.b/c\"\n)\n",
		"an import beside the parenthesis":  "package a\n\nimport (\"os\"\n\t\"fnregistry.dev/x\"\n\t\"fmt\"\n)\n",
		"an import before the parenthesis":  "package a\n\nimport (\n\t\"os\"\n\t\"fnregistry.dev/x\"\n\t\"fmt\")\n",
		"a comment of two lines":            "package a\n\nimport (\n\t\"os\" /* a\n\tb */\n\t\"fnregistry.dev/x\"\n\t\"fmt\"\n)\n",
		"a raw string that ends in a line":  "package a\n\nvar x = `\n// a  b` // " + long + "\n",
		"the comment above import C":        "package a\n\n// int x; // " + long + "\nimport \"C\"\n",
		"the same, in a list of imports":    "package a\n\nimport (\n\t\"os\"\n\n\t// int x; // " + long + "\n\t\"C\"\n)\n",
		"lines that end in carriage return": "package a\r\n\r\n// " + long + "\r\nvar x = 1\r\n",
	} {
		r, err := check("x.go", []byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if string(r.fixed) != text || len(r.findings) > 0 {
			t.Errorf("%s: %v, fixed to\n%s", name, r.findings, r.fixed)
		}
	}
}
