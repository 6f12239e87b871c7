package main

import (
	"cmp"
	"debug/elf"
	"maps"
	"slices"
	"strings"
)

// packageBytes reads a program that was linked with its symbols, and returns
// its bytes by package. What the linker generates for the whole program, such
// as the tables of functions and types, is counted under the section's name.
func packageBytes(binary string) (map[string]int64, error) {
	file, err := elf.Open(binary)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return nil, err
	}
	bytes := map[string]int64{}
	for _, section := range file.Sections {
		if inProgram(section) {
			bytes[section.Name] = int64(section.FileSize)
		}
	}
	for _, s := range symbols {
		if int(s.Section) >= len(file.Sections) || !inProgram(file.Sections[s.Section]) {
			continue
		}
		if pkg := packageOf(s.Name); pkg != "" {
			bytes[pkg] += int64(s.Size)
			bytes[file.Sections[s.Section].Name] -= int64(s.Size)
		}
	}
	return bytes, nil
}

// inProgram reports whether a section is loaded from the file: a released
// program has no symbols and debugging tables.
func inProgram(s *elf.Section) bool {
	return s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS
}

// packageOf returns the import path of the package that a symbol belongs to, ""
// if it belongs to none. The linker writes a dot in a path's last element as
// %2e.
func packageOf(symbol string) string {
	name, _, _ := strings.Cut(symbol, "[") // type arguments contain paths of other packages
	if strings.Contains(name, ":") {
		return "" // type:, go:func.*, and others that the linker generates
	}
	slash := strings.LastIndexByte(name, '/')
	last, _, ok := strings.Cut(name[slash+1:], ".")
	if !ok {
		return ""
	}
	return strings.ReplaceAll(name[:slash+1]+last, "%2e", ".")
}

// growth is how much a package's share of a program has changed.
type growth struct {
	pkg   string
	bytes int64
}

// growths compares two builds of a program, the largest change first.
func growths(before, after map[string]int64) []growth {
	all := maps.Clone(after)
	for pkg, bytes := range before {
		all[pkg] -= bytes
	}
	var changed []growth
	for pkg, bytes := range all {
		if bytes != 0 {
			changed = append(changed, growth{pkg, bytes})
		}
	}
	slices.SortFunc(changed, func(a, b growth) int {
		return cmp.Or(cmp.Compare(abs(b.bytes), abs(a.bytes)), strings.Compare(a.pkg, b.pkg))
	})
	return changed
}

func abs(n int64) int64 { return max(n, -n) }
