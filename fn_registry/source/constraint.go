package source

import (
	"go/build/constraint"
	"slices"
	"strings"
)

// Tags returns the build tags without which a file with this //go:build
// expression is not built, sorted. Tags that the toolchain sets by itself
// (platforms, cgo, the compiler, Go versions) count as met, so "//go:build
// linux" and "//go:build !purego" need none. An expression that does not parse
// gives an error.
func Tags(expression string) ([]string, error) {
	if expression == "" {
		return nil, nil
	}
	expr, err := constraint.Parse("//go:build " + expression)
	if err != nil {
		return nil, err
	}
	var tags []string
	collectTags(expr, false, &tags)
	if satisfiable(expr) {
		return nil, nil
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// satisfiable reports whether some platform builds the file without any
// user-defined tag.
func satisfiable(expr constraint.Expr) bool {
	// "linux || darwin" and "linux && !windows" must both pass: try each
	// platform word of the expression alone, and none.
	var words []string
	collectTags(expr, true, &words)
	for _, on := range append(words, "") {
		if expr.Eval(func(tag string) bool { return tag == on || toolchain(tag) && !platform(tag) }) {
			return true
		}
	}
	return expr.Eval(toolchain)
}

// collectTags lists the tags that are not negated: the user's, or the
// toolchain's.
func collectTags(expr constraint.Expr, toolchains bool, into *[]string) {
	switch e := expr.(type) {
	case *constraint.TagExpr:
		if toolchain(e.Tag) == toolchains {
			*into = append(*into, e.Tag)
		}
	case *constraint.AndExpr:
		collectTags(e.X, toolchains, into)
		collectTags(e.Y, toolchains, into)
	case *constraint.OrExpr:
		collectTags(e.X, toolchains, into)
		collectTags(e.Y, toolchains, into)
	}
}

func toolchain(tag string) bool {
	return platform(tag) || tag == "cgo" || tag == "gc" || tag == "gccgo" || tag == "race" ||
		strings.HasPrefix(tag, "go1.") || strings.HasPrefix(tag, "goexperiment.")
}

func platform(tag string) bool { return platforms[tag] }

// platforms are the words listed by "go tool dist list", and unix.
var platforms = func() map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq("unix aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd " +
		"plan9 solaris wasip1 windows 386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm") {
		m[word] = true
	}
	return m
}()
