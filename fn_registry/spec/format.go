package spec

import (
	"bytes"
	"slices"
	"strings"
)

// Format writes a new spec: the keys that its kind has, in the order of the
// model, and the body as it is, behind an empty line. A key that the kind may
// have and does not need is written if it has a value. Lists stand in brackets,
// parameters line by line, and text stands in double quotes where YAML needs
// them; the signature always. A spec without a known kind gets the keys of a
// function. What is not UTF-8 becomes U+FFFD. Frontmatter over [MaxFrontmatter]
// is written, but [Parse] won't read it.
func Format(s *Spec, body string) []byte {
	kind := s.Kind
	if !slices.Contains(allKinds, kind) {
		kind = KindFunction
	}
	var b bytes.Buffer
	b.WriteString(fence + "\n")
	for i := range keys {
		k := &keys[i]
		value := valueOf(s.field(k.Name))
		if !k.Applies(kind) || isZero(value) && !slices.Contains(k.Required, kind) {
			continue
		}
		b.WriteString(k.Name + ":" + renderValue(k, value, 0, "\n") + "\n")
	}
	b.WriteString(fence + "\n")
	if body = strings.TrimLeft(body, "\n"); body != "" {
		b.WriteString("\n" + body)
		if !strings.HasSuffix(body, "\n") {
			b.WriteByte('\n')
		}
	}
	return bytes.ToValidUTF8(b.Bytes(), []byte("\uFFFD"))
}

// valueOf dereferences the pointer to a field of a Spec.
func valueOf(field any) any {
	switch f := field.(type) {
	case *string:
		return *f
	case *bool:
		return *f
	case *float64:
		return *f
	case *[]string:
		return *f
	case *[]Param:
		return *f
	}
	return nil
}

func isZero(value any) bool {
	switch v := value.(type) {
	case string:
		return v == ""
	case bool:
		return !v
	case float64:
		return v == 0
	case []string:
		return len(v) == 0
	case []Param:
		return len(v) == 0
	}
	return true
}
