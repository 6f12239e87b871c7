package main

import (
	"fmt"
	"strings"
)

// writeTests writes one to four tests of a function and returns their names as
// a spec lists them.
func (s *source) writeTests(u *unit) (names []string) {
	s.use("", "testing")
	switch u.sig.form {
	case sqlCount:
		s.test(u, "RefusesNil", "if n, err := "+symbol(u.name)+s.use("(t.Context(), nil, \"x\"); err == nil || n != 0 {\n\tt.Errorf(\"got %d, %v\", n, err)\n}\n", ""))
		return []string{"RefusesNil"}
	case httpLimit:
		s.test(u, "PassesOn", s.use("w := httptest.NewRecorder()\n"+symbol(u.name)+"(http.NotFoundHandler(), 10).ServeHTTP(w, httptest.NewRequest(\"GET\", \"/\", nil))\n"+
			"if w.Code != http.StatusNotFound {\n\tt.Errorf(\"got %d\", w.Code)\n}\n", "net/http,net/http/httptest"))
		return []string{"PassesOn"}
	}
	names = append(names, s.test(u, "Usual"+capital(noun(s.r)), s.usualTest(u)))
	if u.sig.guard >= 0 {
		names = append(names, s.test(u, "Refuses"+capital(adjective(s.r)), s.refusalTest(u)))
	}
	if u.pure && u.sig.result.kind != none && s.r.IntN(3) == 0 {
		names = append(names, s.test(u, "SameAgain", s.twiceTest(u)))
	}
	if u.sig.err && len(names) <= 2 && s.r.IntN(4) == 0 {
		names = append(names, s.tableTest(u)...)
	}
	return names
}

func (s *source) test(u *unit, name, body string) string {
	s.printf("\nfunc Test%s_%s(t *testing.T) {\n", symbol(u.name), name)
	s.lines(1, body)
	s.printf("}\n")
	return name
}

// assign names the results of a call: "got, err".
func assign(u *unit) string {
	var names []string
	if u.sig.result.kind != none {
		names = append(names, "got")
	}
	if u.sig.err {
		names = append(names, "err")
	}
	if u.sig.ok {
		names = append(names, "ok")
	}
	return strings.Join(names, ", ")
}

func (s *source) testCall(u *unit, badArg int) string { return s.call(u, "t.Context()", nil, badArg) }

// usualTest is a call that goes well.
func (s *source) usualTest(u *unit) string {
	head := assign(u) + " := " + s.testCall(u, -1)
	switch hasResult := u.sig.result.kind != none; {
	case u.sig.err && !hasResult:
		return "if " + head + "; err != nil {\n\tt.Fatal(err)\n}\n"
	case u.sig.err:
		return head + "\nif err != nil {\n\tt.Fatal(err)\n}\nt.Logf(\"%v\", got)\n"
	case u.sig.ok:
		return "if " + head + "; !ok {\n\tt.Errorf(\"got %v and false\", got)\n}\n"
	}
	return "if " + head + "; reflect.ValueOf(got).Kind() == reflect.Invalid {\n\tt.Error(\"got nothing\")\n}\n" + s.use(
		"",
		"reflect",
	)
}

// refusalTest is a call that the guard refuses.
func (s *source) refusalTest(u *unit) string {
	call := s.testCall(u, u.sig.guard)
	switch hasResult := u.sig.result.kind != none; {
	case u.sig.err && hasResult:
		return "if got, err := " + call + "; err == nil {\n\tt.Errorf(\"got %v without an error\", got)\n}\n"
	case u.sig.err:
		return "if err := " + call + "; err == nil {\n\tt.Error(\"no error came\")\n}\n"
	case u.sig.ok:
		return "if got, ok := " + call + "; ok {\n\tt.Errorf(\"got %v and true\", got)\n}\n"
	}
	return "if got := " + call + "; !reflect.ValueOf(got).IsZero() {\n\tt.Errorf(\"got %v\", got)\n}\n" + s.use(
		"",
		"reflect",
	)
}

// twiceTest calls a pure function twice.
func (s *source) twiceTest(u *unit) string {
	call := s.testCall(u, -1)
	blank := strings.Repeat(", _", b2i(u.sig.err || u.sig.ok))
	return "first" + blank + " := " + call + "\nsecond" + blank + " := " + call + "\nif !reflect.DeepEqual(first, second) {\n\tt.Errorf(\"got %v, then %v\", first, second)\n}\n" + s.use("", "reflect")
}

// tableTest writes a test with two subtests, calls with different arguments,
// and returns their names.
func (s *source) tableTest(u *unit) []string {
	names := []string{noun(s.r) + " " + adjective(s.r), plural(noun(s.r))}
	left := strings.Repeat("_, ", b2i(u.sig.result.kind != none))
	s.printf("\nfunc Test%s(t *testing.T) {\n", symbol(u.name))
	for _, name := range names {
		s.printf("\tt.Run(%q, func(t *testing.T) {\n\t\tif %serr := %s; err != nil {\n\t\t\tt.Error(err)\n\t\t}\n\t})\n", name, left, s.testCall(u, -1))
	}
	s.printf("}\n")
	return names
}

// writeTypeTest writes the test of a type.
func (s *source) writeTypeTest(u *unit) []string {
	s.use("", "testing")
	name := symbol(u.name)
	literal := s.structLiteral(name, u.fields)
	return []string{s.test(u, "ZeroDiffers", s.use(fmt.Sprintf("if reflect.DeepEqual(%s{}, %s) {\n\tt.Error(\"no field was set\")\n}\n", name, literal), "reflect"))}
}

const errorTestCode = `
func TestError_Text(t *testing.T) {
	cause := errors.New("cause")
	err := &Error{Op: "op", Message: "message", Err: cause}
	if got := err.Error(); got != "op: message: cause" {
		t.Errorf("got %q", got)
	}
	if !errors.Is(err, cause) {
		t.Error("lost its cause")
	}
}
`
