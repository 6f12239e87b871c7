package search

import "strings"

// Field is a set of a unit's text fields: where the words of a query were
// found.
type Field uint8

// The fields, from the highest weight to the lowest.
const (
	FieldName Field = 1 << iota
	FieldTags
	FieldDescription
	FieldParams
	FieldBody

	allFields  = FieldName | FieldTags | FieldDescription | FieldParams | FieldBody
	fieldWhole = Field(1 << 7) // in a posting: the word is the unit's whole name or key
)

const (
	inName = iota
	inTags
	inDescription
	inParams
	inBody
	numFields
)

// fieldRules are BM25F's parameters. The usual lengths are fixed rather than
// averaged over the index, so that a unit's weight for a word does not change
// when other units are added or removed.
var fieldRules = [numFields]struct {
	name   string
	weight float32
	slope  float32 // how much length reduces a field's weight: 0 not at all, 1 fully
	usual  float32 // usual length in words
}{
	inName:        {"name", 12, 0.3, 3},
	inTags:        {"tags", 6, 0.3, 5},
	inDescription: {"description", 3, 0.5, 25},
	inParams:      {"params", 0.7, 0.7, 60},
	inBody:        {"body", 0.4, 0.7, 100},
}

// saturation is BM25's k1: the summed weight at which a word counts half of its
// maximum.
const saturation = 10

// impact returns what a word with these frequencies adds to a unit's score
// before the word's rarity: 1 to 255.
func impact(tf, factor *[numFields]float32) uint8 {
	var w float32
	for f, n := range tf {
		w += n * factor[f]
	}
	return uint8(1 + 254*w/(saturation+w))
}

// fieldFactors returns the weights of the fields of one unit, given its fields'
// lengths in words.
func fieldFactors(lengths *[numFields]int) (factor [numFields]float32) {
	for f, r := range fieldRules {
		factor[f] = r.weight / (1 - r.slope + r.slope*float32(lengths[f])/r.usual)
	}
	return factor
}

// Names lists the fields of the set, heaviest first: name, tags, description,
// params, body.
func (f Field) Names() []string {
	var names []string
	for i, r := range fieldRules {
		if f&(1<<i) != 0 {
			names = append(names, r.name)
		}
	}
	return names
}

// String joins the names with commas.
func (f Field) String() string { return strings.Join(f.Names(), ", ") }
