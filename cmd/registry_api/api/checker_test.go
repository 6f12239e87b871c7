package api

import (
	"reflect"
	"testing"
)

// TestChecker_Bounds: a parameter may have a bound on one side alone.
func TestChecker_Bounds(t *testing.T) {
	t.Parallel()
	type in struct {
		Least *int  `query:"least" min:"2"`
		Most  *int  `query:"most" max:"3"`
		Both  []int `query:"both" min:"1" max:"5"`
	}
	c := newChecker(reflect.TypeFor[in]())
	n := func(v int) *int { return &v }
	for _, tc := range []struct {
		in   in
		want string
	}{
		{in{}, ""}, {in{Least: n(2), Most: n(3), Both: []int{1, 5}}, ""},
		{in{Least: n(1)}, `parameter "least" is 1, want 2 or more`},
		{in{Most: n(4)}, `parameter "most" is 4, want 3 or less`},
		{in{Both: []int{3, 0}}, `parameter "both" is 0, want 1 to 5`},
		{in{Both: []int{6}}, `parameter "both" is 6, want 1 to 5`},
	} {
		got := ""
		if err := c.check(reflect.ValueOf(tc.in)); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%+v: %q, want %q", tc.in, got, tc.want)
		}
	}
}
