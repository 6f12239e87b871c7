package sqltest

// hostile are texts that break what puts them together without care.
var hostile = []string{
	`'; DROP TABLE t; --`, `"; DROP TABLE t; --`, `a'b`, `a"b`, "a`b", `\`, `\'`, "new\nline", "tab\t",
	"$1 $a ? @a :a {a:String}", "%s %00", "/* x", "--", "é😀\u2028", " ", "",
}
