package keyring

import (
	"strings"
	"testing"

	"fnregistry.dev/functions/core"
)

func TestSizeCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		goos, service, name string
		most                int // bytes of a value
	}{
		{"linux", "app", "name", 64 << 20},
		{"freebsd", "app", "name", 64 << 20},
		{"windows", "app", "name", 2560},
		{"darwin", "app", "name", 3021},
		{"darwin", strings.Repeat("s", 255), strings.Repeat("n", 255), 2643},
		{"darwin", strings.Repeat("'", 255), strings.Repeat("'", 255), 1113}, // each quote takes five bytes
	} {
		if err := sizeCheck(c.goos, c.service, c.name, strings.Repeat("v", c.most)); err != nil {
			t.Errorf("%s, %d bytes: %v", c.goos, c.most, err)
		}
		wantError(t, sizeCheck(c.goos, c.service, c.name, strings.Repeat("v", c.most+1)), core.CodeTooLarge, "takes")
	}
}

// The bound must be at least the length of the command that go-keyring builds,
// which is refused above 4,096 bytes, and not much more, or values that fit are
// refused.
func TestSizeCheck_MacOSCommand(t *testing.T) {
	t.Parallel()
	const command = `add-generic-password -U -s 'my app' -a 'it'"'"'s' -w 'go-keyring-base64:aHVudGVyMg=='` + "\n"
	if got := macOSCommand("my app", "it's", "hunter2"); got != len(command) {
		t.Errorf("got %d, want %d", got, len(command))
	}
}
