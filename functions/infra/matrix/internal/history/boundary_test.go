package history

import (
	"slices"
	"testing"

	"maunium.net/go/mautrix/id"
)

func TestMissed(t *testing.T) {
	t.Parallel()
	same := func(e id.EventID) id.EventID { return e }
	for name, c := range map[string]struct{ forward, above, want []id.EventID }{
		"a good server":            {[]id.EventID{"b", "c", "d"}, []id.EventID{"d", "c", "b", "a"}, nil},
		"one depth":                {[]id.EventID{"x", "y", "b", "c"}, []id.EventID{"d", "c", "b"}, []id.EventID{"y", "x"}},
		"amid the page":            {[]id.EventID{"x", "b", "y", "c"}, []id.EventID{"d", "c", "b"}, []id.EventID{"y", "x"}},
		"newer than the page":      {[]id.EventID{"b", "c", "new"}, []id.EventID{"c", "b"}, nil},
		"nothing of the page":      {[]id.EventID{"x", "y"}, []id.EventID{"b"}, nil},
		"nothing, or no page":      {nil, nil, nil},
		"a page without a forward": {nil, []id.EventID{"b"}, nil},
	} {
		if got := Missed(c.forward, same, c.above); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
