package registry

import (
	"errors"
	"strings"
	"unicode/utf8"

	"fnregistry.dev/fn_registry/search"
)

// Draft describes a unit about to be written. Any field may be empty, but not
// all of them.
type Draft struct {
	Name        string   `json:"name"`
	Signature   string   `json:"signature"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
}

// Advice is what to do about a unit that is like a draft.
type Advice string

// The advices.
const (
	AdviceUse   Advice = "use"   // a unit already does that: use it, or extend it
	AdviceLook  Advice = "look"  // a unit may do that: check it before writing
	AdviceWrite Advice = "write" // similarities are most likely accidental
)

// Similar is the answer about a draft.
type Similar struct {
	Advice  Advice   `json:"advice"`
	Use     []string `json:"use"` // IDs of the units to use instead of writing the draft, the likeliest first
	Items   []Alike  `json:"items"`
	Message string   `json:"message"` // the advice as a sentence
}

// Alike is a unit that is like a draft. Its Score is 0 to 1; Matched reports
// whether words or signature are alike.
type Alike struct {
	Item
	Advice    Advice   `json:"advice"`
	Words     []string `json:"words"` // words shared with the draft, most significant first
	Text      float64  `json:"text"`  // similarity of words, 0 to 1
	Shape     float64  `json:"shape"` // similarity of parameters and results, 0 to 1
	SameShape bool     `json:"same_shape"`
}

// MaxSimilar is the most units that Similar returns.
const MaxSimilar = 50

// Similar finds the units most like a draft, at most limit of them (0: 5). A
// draft without content, or whose signature can't be read, is a [*QueryError].
func (s *State) Similar(d Draft, limit int) (*Similar, error) {
	if limit < 0 || limit > MaxSimilar {
		return nil, &QueryError{Param: "limit", Message: "not between 1 and 50"}
	}
	all := strings.Join(append([]string{d.Name, d.Signature, d.Description}, d.Tags...), "")
	switch {
	case strings.TrimSpace(all) == "":
		return nil, &QueryError{
			Param:   "draft",
			Message: "it is empty: describe at least what the unit should do",
		}
	case !utf8.ValidString(all) || strings.ContainsRune(all, 0):
		return nil, &QueryError{Param: "draft", Message: "not valid text: it has a NUL or is not UTF-8"}
	case len(all) > 16*MaxText:
		return nil, &QueryError{Param: "draft", Message: "longer than 64 KiB"}
	}
	if sig, err := search.ParseSignature(d.Signature); err == nil && sig.Any() && strings.TrimSpace(d.Name+d.Description+strings.Join(d.Tags, "")) == "" {
		return nil, &QueryError{Param: "signature", Message: quote(d.Signature) + " has neither parameters nor results, so anything would match"}
	}
	matches, err := s.Index.Similar(search.Draft(d), limit)
	if errors.Is(err, search.ErrSignature) {
		return nil, &QueryError{Param: "signature", Err: err}
	}
	if err != nil {
		return nil, err
	}
	out := &Similar{Use: []string{}, Items: []Alike{}}
	for _, m := range matches {
		a := Alike{
			Item:      s.item(s.Catalog.Unit(m.Key)),
			Advice:    adviceFor(m.Score),
			Words:     list(m.Words),
			Text:      m.Text,
			Shape:     m.Shape,
			SameShape: m.SameShape(),
		}
		a.Score, a.Why = m.Score, list(reasons(m.Why))
		if m.Text > 0 {
			a.Matched = append(a.Matched, "words")
		}
		if m.Shape > 0 {
			a.Matched = append(a.Matched, "signature")
		}
		if a.Advice == AdviceUse {
			out.Use = append(out.Use, m.Key)
		}
		out.Items = append(out.Items, a)
	}
	out.advise()
	return out, nil
}

func adviceFor(score float64) Advice {
	switch {
	case score >= search.SimilarUse:
		return AdviceUse
	case score >= search.SimilarLook:
		return AdviceLook
	}
	return AdviceWrite
}

func (s *Similar) advise() {
	s.Advice = AdviceWrite
	if len(s.Items) > 0 {
		s.Advice = s.Items[0].Advice
	}
	switch s.Advice {
	case AdviceUse:
		s.Message = "don't write it: use or extend " + strings.Join(s.Use, " or ")
	case AdviceLook:
		s.Message = "look at " + s.Items[0].ID + " before writing: it may do this already"
	default:
		s.Message = "no unit does this yet"
	}
}
