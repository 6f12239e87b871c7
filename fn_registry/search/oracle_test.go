package search

import (
	"slices"
	"strings"
)

// oracle answers word queries by scanning every unit. It shares with the index
// how texts are split into words, stems, stop words and which words are
// English; these have tests of their own.
type oracle struct{ units []oracleUnit }

type oracleUnit struct {
	key     string
	isFunc  bool
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
	u := oracleUnit{key: d.Key, isFunc: strings.HasPrefix(d.Signature, "func"), words: map[string]Field{}, stems: map[string]string{}}
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

// identifiers splits a text into identifiers of parts.
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
			if !isStop([]byte(p)) {
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

// has returns in which fields a unit has a word in some form; none means not at
// all.
func (u *oracleUnit) has(word string) (fields Field) {
	for w, f := range u.words {
		if w == word || u.stems[w] == stem(word) {
			fields |= f
		}
	}
	return fields
}

func (u *oracleUnit) hasBeginning(word string) (fields Field) {
	for w, f := range u.words {
		if strings.HasPrefix(w, word) {
			fields |= f
		}
	}
	return fields
}

func (u *oracleUnit) hasTypo(word string) (fields Field) {
	for w, f := range u.words {
		if editDistance(w, word) <= typoLimit(word) {
			fields |= f
		}
	}
	return fields
}

// find is the oracle's want.find, by key.
func (o *oracle) find(w *want) map[string]Field {
	found := o.match(w, false)
	for _, u := range o.units {
		for _, a := range w.also {
			if f := u.has(a); f != 0 {
				found[u.key] |= f
			}
		}
	}
	if len(found) == 0 && !w.weak && !w.Phrase && !w.Negated {
		return o.match(w, true)
	}
	return found
}

// match finds the units that have the parts of a word, or the joined form. With
// forgive, typos are tolerated in each part that no unit has and that is not an
// English word.
func (o *oracle) match(w *want, forgive bool) map[string]Field {
	parts := w.parts
	if w.joined != "" {
		parts = append(slices.Clone(parts), w.joined)
	}
	found := make([]map[string]Field, len(parts))
	for i, p := range parts {
		last := i >= len(w.parts)-1
		found[i] = o.having(func(u *oracleUnit) Field {
			f := u.has(p)
			if w.Phrase || w.Negated {
				return f
			}
			for w, in := range u.words {
				if isKin(p, w) {
					f |= in
				}
			}
			if w.Prefix && last && !w.weak {
				f |= u.hasBeginning(p)
			}
			return f
		})
		if forgive && len(found[i]) == 0 && !isWord(p) {
			found[i] = o.having(func(u *oracleUnit) Field {
				f := u.hasTypo(p)
				if len(p) >= minGuess {
					f |= u.hasBeginning(p)
				}
				return f
			})
		}
	}
	out := map[string]Field{}
	for _, u := range o.units {
		all := Field(0)
		for i := range w.parts {
			f := found[i][u.key]
			if f == 0 {
				all = 0
				break
			}
			all |= f
		}
		if all != 0 && (!w.Phrase || u.hasPhrase(w.parts)) {
			out[u.key] = all
		}
		if w.joined != "" {
			if f := found[len(w.parts)][u.key]; f != 0 {
				out[u.key] |= f
			}
		}
	}
	return out
}

func (o *oracle) having(has func(u *oracleUnit) Field) map[string]Field {
	out := map[string]Field{}
	for i := range o.units {
		if f := has(&o.units[i]); f != 0 {
			out[o.units[i].key] = f
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

// oracleHit is a unit that matches: where words were found, and whether it must
// be listed, because it has all words that some unit has.
type oracleHit struct {
	fields Field
	must   bool
}

// separate splits a word into several if no unit has its parts together.
func (o *oracle) separate(wants []*want) (all []*want) {
	for _, w := range wants {
		if len(w.parts) > 1 && !w.Phrase && !w.Negated && len(o.find(w)) == 0 {
			all = append(all, w.separate()...)
		} else {
			all = append(all, w)
		}
	}
	return all
}

func (o *oracle) search(q Query) (hits map[string]oracleHit, partial bool) {
	var asked []map[string]Field
	refused := map[string]bool{}
	telling := 0
	for _, w := range o.separate(analyze(q.Words)) {
		found := o.find(w)
		if !w.Negated {
			asked = append(asked, found)
			if len(found) > 0 {
				telling++
			}
			continue
		}
		for k := range found {
			refused[k] = true
		}
	}
	whole, types := "", false
	for _, w := range q.Words {
		if !w.Negated {
			whole += squashed(w.Text)
			types = types || w.Type
		}
	}
	hits, partial = map[string]oracleHit{}, true
	for _, u := range o.units {
		n, fields := 0, Field(0)
		for _, found := range asked {
			if f := found[u.key]; f != 0 {
				n++
				fields |= f
			}
		}
		exact := whole != "" && slices.Contains(u.whole, whole) && !(types && u.isFunc)
		if exact {
			fields |= FieldName
		}
		if refused[u.key] || n == 0 && len(asked) > 0 && !exact {
			continue
		}
		hits[u.key] = oracleHit{fields, n == telling || exact}
		partial = partial && n < len(asked) && !exact
	}
	return hits, partial && len(hits) > 0
}

// editDistance is the restricted Damerau-Levenshtein distance, written from its
// definition.
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
