package main

import (
	"fmt"
	"strconv"
	"strings"
)

// writeFunction writes a function unit with its config and result types.
func (s *source) writeFunction(u *unit, doc string) {
	name := symbol(u.name)
	if u.sig.config != nil {
		s.printf("// %sConfig holds the settings of [%s].\ntype %sConfig ", name, name, name)
		s.structType(u.sig.config)
		s.printf("\n")
	}
	if u.sig.result.kind == record {
		s.printf("// %sResult is what [%s] found.\ntype %sResult struct {\n\tCount int    // how many there were\n\tText  string // what they said\n}\n\n", name, name, name)
	}
	s.printf("// %s %s\n%s {\n", name, doc, s.declaration(u))
	switch u.sig.form {
	case plain:
		s.writeBody(u)
	case genericSort:
		s.printf("\tout := slices.Clone(values)\n\tslices.Sort(out)\n\tif limit >= 0 && len(out) > limit {\n\t\tout = out[:limit]\n\t}\n\treturn out\n")
		s.use("", "slices")
	case genericMerge:
		s.printf("\tout := maps.Clone(first)\n\tif out == nil {\n\t\tout = map[K]V{}\n\t}\n\tmaps.Copy(out, second)\n\treturn out\n")
		s.use("", "maps")
	case genericKeep:
		s.printf("\tvar out []T\n\tfor _, item := range items {\n\t\tif keep(item) {\n\t\t\tout = append(out, item)\n\t\t}\n\t}\n\treturn out\n")
	case genericGroup:
		s.printf("\tout := map[K]int{}\n\tfor _, item := range items {\n\t\tout[key(item)]++\n\t}\n\treturn out\n")
	case sqlCount:
		s.printf("\tif db == nil {\n\t\treturn 0, %s\n\t}\n\tvar n int64\n"+
			"\terr := db.QueryRowContext(ctx, \"SELECT count(*) FROM %s WHERE name = ?\", name).Scan(&n)\n\treturn n, err\n", s.newError(u, "no database"), plural(noun(s.r)))
	case httpLimit:
		s.printf("\treturn http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {\n\t\tr.Body = http.MaxBytesReader(w, r.Body, limit)\n\t\tnext.ServeHTTP(w, r)\n\t})\n")
	}
	s.printf("}\n")
}

// newError returns an error that the unit creates itself.
func (s *source) newError(u *unit, message string) string {
	if u.sig.ownError {
		return "&" + s.typeName(0) + "{Op: " + strconv.Quote(u.name) + ", Message: " + strconv.Quote(message) + "}"
	}
	return s.use("errors.New("+strconv.Quote(u.name+": "+message)+")", "errors")
}

// returnStatement returns the result's zero value followed by err, or false.
func (s *source) returnStatement(u *unit, err string) string {
	var values []string
	switch res := u.sig.result; res.kind {
	case basic:
		values = append(values, s.use(types[res.typ].zero, zeroImport(res.typ)))
	case record:
		values = append(values, "nil")
	case known:
		values = append(values, s.typeName(res.unit)+"{}")
	}
	if u.sig.err {
		values = append(values, err)
	}
	if u.sig.ok {
		values = append(values, "false")
	}
	return "return " + strings.Join(values, ", ")
}

func zeroImport(t int8) string {
	if strings.Contains(types[t].zero, ".") {
		return types[t].imports
	}
	return ""
}

// lines writes statements, indented.
func (s *source) lines(depth int, text string) {
	for line := range strings.Lines(text) {
		s.printf("%s%s", strings.Repeat("\t", depth), line)
	}
}

// writeBody writes checks, then work that adds to sum and joined, then a return
// of a value computed from both.
func (s *source) writeBody(u *unit) {
	if u.sig.ctx && u.sig.err {
		err := "err"
		if u.sig.ownError {
			err = "&" + s.typeName(0) + "{Op: " + strconv.Quote(u.name) + ", Err: err}"
		}
		s.printf("\tif err := ctx.Err(); err != nil {\n\t\t%s\n\t}\n", s.returnStatement(u, err))
	}
	if u.sig.guard >= 0 {
		s.writeGuard(u)
	}
	s.printf("\tsum, joined := 0, %q\n", noun(s.r))
	if !u.pure {
		s.lines(1, s.use(impureLines[s.r.IntN(len(impureLines))].both()))
	}
	for _, p := range u.sig.params {
		s.writeFold(u, p)
	}
	for _, f := range u.sig.config {
		c := configFields[f]
		s.writeFold(u, param{name: "cfg." + c.name, typ: typeIndex[c.typ]})
	}
	for n, i := range u.uses {
		s.writeCall(u, &s.plan.units[i], n+1)
	}
	s.writeReturn(u)
}

func (s *source) writeGuard(u *unit) {
	condition, what := "", ""
	if i := u.sig.guard; i < len(u.sig.params) {
		p := u.sig.params[i]
		condition, what = fmt.Sprintf(types[p.typ].guard, p.name), p.name
	} else {
		field := configFields[guardedField(u.sig.config)].name
		condition, what = "cfg."+field+" < 0", field
	}
	err := ""
	if u.sig.err {
		err = s.newError(u, "bad "+what)
	}
	s.printf("\tif %s {\n\t\t%s\n\t}\n", condition, s.returnStatement(u, err))
}

type codeLines struct{ code, imports string }

func (c codeLines) both() (string, string) { return c.code, c.imports }

var impureLines = []codeLines{
	{"start := time.Now()\ndefer func() { _ = time.Since(start) }()\n", "time"},
	{"if os.Getenv(\"ACME_DEBUG\") != \"\" {\n\tjoined += \" (debug)\"\n}\n", "os"},
	{"if _, err := os.Stat(os.TempDir()); err != nil {\n\tsum--\n}\n", "os"},
	{"sum += runtime.NumCPU()\n", "runtime"},
	{"sum += rand.IntN(3)\n", "math/rand/v2"},
}

// writeFold uses a parameter or a field.
func (s *source) writeFold(u *unit, p param) {
	if p.typ < 0 {
		f := configFields[s.plan.units[p.unit].fields[0]]
		s.writeFold(u, param{name: p.name + "." + f.name, typ: typeIndex[f.typ]})
		return
	}
	switch t := types[p.typ]; t.text {
	case "io.Reader":
		s.lines(1, s.use("read, err := io.ReadAll(io.LimitReader("+p.name+", 1<<20))\nif err != nil {\n\t"+s.returnStatement(u, "err")+"\n}\njoined += string(read)\n", "io"))
	case "io.Writer":
		s.lines(1, s.use("if _, err := fmt.Fprintln("+p.name+", joined, sum); err != nil {\n\t"+s.returnStatement(u, "err")+"\n}\n", "fmt"))
	default:
		s.lines(1, s.fold(p.typ, p.name))
	}
}

// fold adds a value to sum or joined.
func (s *source) fold(t int8, name string) string {
	code := fmt.Sprintf(types[t].fold, name)
	for _, pkg := range []string{"strings", "time"} {
		if strings.Contains(code, pkg+".") {
			s.use("", pkg)
		}
	}
	return code
}

// foldResult adds the result of a call of v.
func (s *source) foldResult(v *unit, name string) string {
	switch res := v.sig.result; res.kind {
	case basic:
		return s.fold(res.typ, name)
	case record:
		return "sum += " + name + ".Count\njoined += " + name + ".Text\n"
	case known:
		f := configFields[s.plan.units[res.unit].fields[0]]
		return s.fold(typeIndex[f.typ], name+"."+f.name)
	}
	return "sum++\n"
}

// writeCall calls the unit v, the n-th that u uses.
func (s *source) writeCall(u, v *unit, n int) {
	ctx := "context.Background()"
	if u.sig.ctx {
		ctx = "ctx"
	}
	call, got := s.call(v, ctx, u.sig.params, -1), fmt.Sprintf("got%d", n)
	fold := s.foldResult(v, got)
	block := "{\n\t" + strings.ReplaceAll(strings.TrimSuffix(fold, "\n"), "\n", "\n\t") + "\n}\n"
	failed := "if err != nil {\n\t" + s.returnStatement(u, "err") + "\n}\n"
	switch hasResult := v.sig.result.kind != none; {
	case v.sig.ok:
		s.lines(1, "if "+got+", ok := "+call+"; ok "+block)
	case !v.sig.err:
		s.lines(1, got+" := "+call+"\n"+fold)
	case !hasResult && u.sig.err:
		s.lines(1, "if err := "+call+"; err != nil {\n\t"+s.returnStatement(u, "err")+"\n}\n")
	case !hasResult:
		s.lines(1, "if err := "+call+"; err == nil "+block)
	case u.sig.err:
		s.lines(1, got+", err := "+call+"\n"+failed+fold)
	default:
		s.lines(1, "if "+got+", err := "+call+"; err == nil "+block)
	}
}

// resultCode is a value of each type computed from sum and joined.
var resultCode = map[string]codeLines{
	"string":            {`fmt.Sprintf("%s:%d", joined, sum)`, "fmt"},
	"int":               {"sum + len(joined)", ""},
	"[]string":          {"append(strings.Fields(joined), strconv.Itoa(sum))", "strings,strconv"},
	"bool":              {"sum > len(joined)", ""},
	"time.Duration":     {"time.Duration(sum+len(joined)) * time.Millisecond", "time"},
	"[]byte":            {`fmt.Appendf(nil, "%s:%d", joined, sum)`, "fmt"},
	"map[string]int":    {"map[string]int{joined: sum}", ""},
	"float64":           {"float64(sum) / float64(len(joined)+1)", ""},
	"int64":             {"int64(sum) + int64(len(joined))", ""},
	"time.Time":         {"time.Unix(int64(sum), int64(len(joined)))", "time"},
	"map[string]string": {`map[string]string{"text": joined, "sum": strconv.Itoa(sum)}`, "strconv"},
	"[]int":             {"[]int{sum, len(joined)}", ""},
	"rune":              {"rune('a' + (sum+len(joined))%26)", ""},
}

func (s *source) writeReturn(u *unit) {
	var values []string
	switch res := u.sig.result; res.kind {
	case none:
		s.printf("\tif sum < -len(joined) {\n\t\treturn %s\n\t}\n", s.lastError(u))
	case basic:
		values = append(values, s.use(resultCode[types[res.typ].text].both()))
	case record:
		values = append(values, "&"+symbol(u.name)+"Result{Count: sum, Text: joined}")
	case known:
		name, fields := s.typeName(res.unit), s.plan.units[res.unit].fields
		s.printf("\tif sum > len(joined) {\n\t\treturn %s%s\n\t}\n", s.structLiteral(name, fields), behind(u))
		values = append(values, s.structLiteral(name, fields))
	}
	s.printf("\treturn %s\n", strings.TrimPrefix(strings.Join(values, ", ")+behind(u), ", "))
}

// lastError returns an error of a kind that the unit creates anyway.
func (s *source) lastError(u *unit) string {
	if u.sig.ownError {
		return s.newError(u, "nothing done")
	}
	return s.use("errors.New("+strconv.Quote(u.name+": nothing done")+")", "errors")
}

// behind returns what follows the result on success.
func behind(u *unit) string {
	return strings.Repeat(", nil", b2i(u.sig.err)) + strings.Repeat(", true", b2i(u.sig.ok))
}

// writeType writes a type unit.
func (s *source) writeType(u *unit, doc string) {
	s.printf("// %s %s\ntype %s ", symbol(u.name), doc, symbol(u.name))
	s.structType(u.fields)
}

// errorCode is the coded error, the first unit of every tree.
const errorCode = `// Error is the one error type of this repository: what was being done, what went wrong, and the cause.
type Error struct {
	Op      string // what was being done
	Message string // what went wrong; empty: Err says it
	Err     error  // the cause, or nil
}

// Error returns the parts that are set, joined by colons.
func (e *Error) Error() string {
	text := e.Op
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
`
