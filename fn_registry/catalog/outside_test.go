package catalog

import (
	"fmt"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

// Folders outside of any module have no import path: their packages are still
// distinguished, in two roots, too.
func TestCatalog_OutsideOfModules(t *testing.T) {
	t.Parallel()
	roots := []string{t.TempDir(), t.TempDir()}
	for i, root := range roots {
		testtree.Put(t, root, "fn_registry.yaml", "version: 1\nunits: [a, b]\n")
		for _, dir := range []string{"a", "b"} {
			now := "time.Second"
			if i == 1 && dir == "b" {
				now = "time.Now()"
			}
			domain := fmt.Sprint(dir, i)
			testtree.Put(t, root, dir+"/do.go", "package "+dir+"\n\nfunc Do() (Kind, error) { return Help(), nil }\n")
			testtree.Put(t, root, dir+"/help.go", "package "+dir+"\n\nfunc Help() Kind { return Kind{loose()} }\n")
			testtree.Put(t, root, dir+"/loose.go", "package "+dir+"\n\nimport \"time\"\n\nfunc Loose() any { return "+now+" }\n\nfunc loose() any { return Loose() }\n")
			testtree.Put(t, root, dir+"/kind.go", "package "+dir+"\n\ntype Kind struct{ A any }\n")
			for name, kind := range map[string]string{"do": "function", "help": "function", "kind": "type"} {
				testtree.Put(t, root, dir+"/"+name+".md", "---\nname: "+name+"\nkind: "+kind+"\nlang: go\ndomain: "+domain+"\npurity: pure\n---\n")
			}
		}
	}
	c, _ := load(t, Options{Roots: roots})
	for _, domain := range []string{"a0", "b0", "a1", "b1"} {
		do := c.Unit("do_go_" + domain)
		if got, want := ids(c.Uses(do)), "help_go_"+domain+" kind_go_"+domain; got != want {
			t.Errorf("%s uses %s, want %s", do.ID, got, want)
		}
		if got := c.Impurity(do); (got != nil) != (domain == "b1") {
			t.Errorf("%s: %v", do.ID, got)
		}
		if d, _ := c.Derive(do); len(d.Returns) != 1 || d.Returns[0] != "kind_go_"+domain || len(d.Imports) > 0 {
			t.Errorf("%s: %+v", do.ID, d)
		}
	}
}
