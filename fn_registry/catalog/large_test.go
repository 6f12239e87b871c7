package catalog

import (
	"fmt"
	"strings"
	"testing"

	"fnregistry.dev/fn_registry/internal/testtree"
)

// TestLoad_LargeFolder: reading a folder with twice as many units takes twice
// as many steps, counted in allocations, and no more. It runs alone:
// allocations are counted for the whole process.
func TestLoad_LargeFolder(t *testing.T) {
	allocations := func(units int) float64 {
		dir := t.TempDir()
		testtree.Put(t, dir, "go.mod", "module example.org/m\n")
		for i := range units {
			name := fmt.Sprintf("unit%d", i)
			testtree.Put(t, dir, "a/"+name+".go", "package a\n\nfunc "+strings.ToUpper(name[:1])+name[1:]+"(s string) string { return s }\n")
			testtree.Put(t, dir, "a/"+name+".md", "---\nname: "+name+"\nkind: function\nlang: go\ndomain: a\n---\n")
		}
		return testing.AllocsPerRun(1, func() {
			c, _, err := Load(t.Context(), Options{Roots: []string{dir}})
			if err != nil || len(c.Units) != units || c.Units[0].Code == nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(150), allocations(300); many > 2.4*few {
		t.Errorf("%.0f allocations for 150 units, %.0f for 300", few, many)
	}
}
