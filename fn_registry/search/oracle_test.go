package search

import (
	"slices"
	"strings"
)

// oracle answers word queries by looking at every unit. It shares with the index how texts are cut into words, and
// stem and stop words; these have tests of their own.
type oracle struct{ units []oracleUnit }

type oracleUnit struct {
	key     string
	words   map[string]Field
	stems   map[string]string
	phrases [][]string // stems of name, description and each tag
	whole   []string   // name and key, joined
}

func newOracle(docs []Doc) *oracle {
	latest := map[string]oracleUnit{}
	for _, d := range docs {
		latest[d.Key] = newOracleUnit(d)
	}
	o := &oracle{}
	for _, u := range latest {
		o.units = append(o.units, u)
	}
	return o
}

func newOracleUnit(d Doc) oracleUnit {
	u := oracleUnit{key: d.Key, words: map[string]Field{}, stems: map[string]string{}}
	u.add(FieldName, d.Name)
	u.add(FieldDescription, d.Description)
	for _, t := range d.Tags {
		u.add(FieldTags, t)
	}
	u.add(FieldParams, d.Params)
	u.add(FieldBody, d.Body)
	for _, w := range []string{d.Name, d.Key} {
		if w = squashed(w); w != "" {
			u.words[w] |= FieldName
			u.whole = append(u.whole, w)
		}
	}
	for w := range u.words {
		u.stems[w] = stem(w)
	}
	return u
}

// identifiers cuts a text into identifiers of parts.
func identifiers(text string) (out [][]string) {
	var a analyzer
	for pos, ok := a.next(text, 0); ok; pos, ok = a.next(text, pos) {
		var parts []string
		for i := range a.parts() {
			parts = append(parts, string(a.run(i, i+1)))
		}
		out = append(out, parts)
	}
	return out
}

func squashed(text string) string {
	var b strings.Builder
	for _, parts := range identifiers(text) {
		b.WriteString(strings.Join(parts, ""))
	}
	return b.String()
}

func (u *oracleUnit) add(f Field, text string) {
	var stems []string
	for _, parts := range identifiers(text) {
		for i, p := range parts {
			if !stopWords[p] {
				u.words[p] |= f
				stems = append(stems, stem(p))
			}
			for j := i + 2; j <= len(parts); j++ {
				if f == FieldName && len(parts) <= maxRuns || j-i == len(parts) {
					u.words[strings.Join(parts[i:j], "")] |= f
				}
			}
		}
	}
	if f&(FieldName|FieldDescription|FieldTags) != 0 {
		u.phrases = append(u.phrases, stems)
	}
}

// oracleHit is how a unit has a word: in which fields, and whether without forgiving typing errors.
type oracleHit struct {
	fields Field
	sure   bool
}

// has tells how a unit has a word; no fields: not at all.
func (u *oracleUnit) has(word string, prefix, forgive bool) (hit oracleHit) {
	for w, f := range u.words {
		switch {
		case w == word, u.stems[w] == stem(word), prefix && strings.HasPrefix(w, word):
			hit.sure = true
		case forgive && (editDistance(w, word) <= typoLimit(word) || len(word) >= minGuess && strings.HasPrefix(w, word)):
		default:
			continue
		}
		hit.fields |= f
	}
	return hit
}

// find is the oracle's want.find, by key.
func (o *oracle) find(w *want) map[string]oracleHit {
	strict := o.match(w, false)
	if len(strict) >= few || w.Phrase || w.Negated {
		return strict
	}
	return o.match(w, true)
}

// match finds the units that have the parts of a word, or the joined form. With forgive, typing errors are forgiven in
// each that fewer than few units have as it is.
func (o *oracle) match(w *want, forgive bool) map[string]oracleHit {
	parts := w.parts
	if w.joined != "" {
		parts = append(slices.Clone(parts), w.joined)
	}
	found := make([]map[string]oracleHit, len(parts))
	for i, p := range parts {
		prefix := w.Prefix && i >= len(w.parts)-1
		found[i] = o.having(p, prefix, false)
		if forgive && len(found[i]) < few {
			found[i] = o.having(p, prefix, true)
		}
	}
	out := map[string]oracleHit{}
	for _, u := range o.units {
		all := oracleHit{sure: true}
		for i := range w.parts {
			h, has := found[i][u.key]
			if !has {
				all = oracleHit{}
				break
			}
			all = oracleHit{all.fields | h.fields, all.sure && h.sure}
		}
		if all.fields != 0 && (!w.Phrase || u.hasPhrase(w.parts)) {
			out[u.key] = all
		}
		if w.joined != "" {
			if h, has := found[len(w.parts)][u.key]; has {
				out[u.key] = oracleHit{out[u.key].fields | h.fields, out[u.key].sure || h.sure}
			}
		}
	}
	return out
}

func (o *oracle) having(word string, prefix, forgive bool) map[string]oracleHit {
	out := map[string]oracleHit{}
	for _, u := range o.units {
		if h := u.has(word, prefix, forgive); h.fields != 0 {
			out[u.key] = h
		}
	}
	return out
}

func (u *oracleUnit) hasPhrase(words []string) bool {
	for _, text := range u.phrases {
		for i := 0; i+len(words) <= len(text); i++ {
			same := true
			for j, w := range words {
				same = same && text[i+j] == stem(w)
			}
			if same {
				return true
			}
		}
	}
	return false
}

// oracleUnitHit is a unit that matches: its score without relevance, and where words were found.
type oracleUnitHit struct {
	tier   float64
	fields Field
}

func (o *oracle) search(q Query) (hits map[string]oracleUnitHit, partial bool) {
	var asked []map[string]oracleHit
	refused := map[string]bool{}
	for _, w := range analyze(q.Words) {
		found := o.find(w)
		if !w.Negated {
			asked = append(asked, found)
			continue
		}
		for k := range found {
			refused[k] = true
		}
	}
	whole := ""
	for _, w := range q.Words {
		if !w.Negated {
			whole += squashed(w.Text)
		}
	}
	all, some := map[string]oracleUnitHit{}, map[string]oracleUnitHit{}
	for _, u := range o.units {
		n, loose, fields := 0, 0, Field(0)
		for _, found := range asked {
			if h, has := found[u.key]; has {
				n++
				fields |= h.fields
				if !h.sure {
					loose++
				}
			}
		}
		hit := oracleUnitHit{float64(n) - float64(loose)/float64(len(asked)+1), fields}
		if whole != "" && slices.Contains(u.whole, whole) {
			n, hit = len(asked), oracleUnitHit{float64(len(asked)) + 1, fields | FieldName}
		}
		switch {
		case refused[u.key]:
		case n == len(asked):
			all[u.key] = hit
		case n > 0:
			some[u.key] = hit
		}
	}
	if len(all) == 0 && len(asked) > 1 {
		return some, len(some) > 0
	}
	return all, false
}

// editDistance is the restricted Damerau-Levenshtein distance, written from its definition.
func editDistance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			if i == 0 || j == 0 {
				d[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
