package id_test

import (
	"strings"
	"testing"
	"time"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/id"
)

func TestIDParse_Strict(t *testing.T) {
	t.Parallel()
	const good = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f" // RFC 9562, appendix A.6
	parsed, err := id.IDParse(strings.ToUpper(good))
	if err != nil || parsed.ID != good || parsed.Bytes[0] != 0x01 || parsed.Bytes[15] != 0x8f ||
		!parsed.Time.Equal(time.Date(2022, 2, 22, 19, 22, 22, 0, time.UTC)) {
		t.Errorf("%+v, %v", parsed, err)
	}
	for _, bad := range []string{
		"", good[:35], good + "0", " " + good[1:], "{" + good[:34] + "}", "urn:uuid:" + good,
		strings.ReplaceAll(good, "-", ""), strings.Replace(good, "-", "_", 1), strings.Replace(good, "f", "g", 1),
		"017f22e279b0-7cc3-98c4-dc0c0c07398f-", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", // version 4
		"017f22e2-79b0-7cc3-18c4-dc0c0c07398f", "017f22e2-79b0-7cc3-d8c4-dc0c0c07398f", // other variants
		"00000000-0000-0000-0000-000000000000", strings.Replace(good, "f", "é", 1),
	} {
		if _, err := id.IDParse(bad); core.ErrorCode(err) != core.CodeInvalid || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzIDParse(f *testing.F) {
	f.Add("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
	f.Add("017F22E2-79B0-7FFF-BFFF-DC0C0C07398F")
	f.Add("{17f22e2-79b0-7cc3-98c4-dc0c0c07398}")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := id.IDParse(text)
		if err != nil {
			return
		}
		if parsed.ID != strings.ToLower(text) {
			t.Errorf("%q became %q", text, parsed.ID)
		}
		if again, err := id.IDParse(parsed.ID); err != nil || again != parsed {
			t.Errorf("%q: %+v, %v", text, again, err)
		}
	})
}
