package main

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
)

// The words of the tree, the frequent ones first. None is a Go keyword, the
// name of a standard package or of an operating system (a file x_windows.go is
// built on Windows alone), "test", or a name that the code uses for a variable.

var verbs = strings.Fields(`parse read write load build merge filter split join find fetch send check clean count format encode decode render
	collect resolve apply track watch open close store drop copy move rank match group index scan trim clamp normalize
	validate convert compute estimate schedule retry throttle batch flush drain notify publish subscribe sign verify
	compress expand rotate archive restore migrate replay sample aggregate compare deduplicate partition route balance
	shard lease renew revoke mask redact quote escape fold unfold align pad wrap truncate round`)

var nouns = strings.Fields(`record event message user account session token request response header payload batch queue job task worker node entry
	item row column table field value label tag document page report metric sample bucket window series interval deadline
	budget quota limit cache store snapshot segment block chunk frame packet stream channel topic partition offset cursor
	checkpoint ledger invoice order payment price currency product customer address country region city route endpoint
	gateway peer cluster shard replica leader lease ballot vote term schema migration constraint trigger view query plan
	statement transaction commit branch revision patch diff tree leaf edge graph cycle pipeline stage step rule policy
	permission role group member team project release version package module manifest artifact layer container volume
	mount device sensor reading alarm incident ticket comment attachment thread room invite profile avatar preference
	feature experiment variant cohort funnel visit click banner campaign audience segmentation discount coupon voucher
	refund shipment parcel carrier warehouse shelf pallet supplier contract clause signature certificate nonce digest
	fingerprint cipher envelope vault credential identity claim scope grant consent audit trail backup archive tape disk
	sector inode folder symlink patchset glyph lexeme grammar symbol operand literal macro fragment placeholder locale
	translation calendar holiday shift timesheet payroll salary bonus pension tax fee surcharge exchange candle trade
	portfolio position margin hedge track album playlist artist genre lyric chord tempo scene shot subtitle caption
	thumbnail keyframe codec bitrate resolution vertex polygon mesh texture shader camera light shadow particle tile
	sprite marker boundary contour elevation station timetable vehicle driver trip fare zone transfer delay forecast
	humidity pressure gust tide`)

var adjectives = strings.Fields(`open stale pending idle active nested sorted empty partial remote local shared signed raw compact recent next last
	first slow fast cold warm dirty clean hidden public private temporary durable weak strict lenient bounded rolling
	sliding sparse dense ordered unique duplicate missing expired blocked frozen orphaned retired primary secondary
	default custom legacy canonical relative absolute approximate exact incremental concurrent atomic lazy eager cached
	derived trusted untrusted verified anonymous`)

// topics name the packages.
var topics = strings.Fields(`ledger quota cursor lease shard replica ballot invoice parcel pallet voucher coupon cohort funnel playlist subtitle
	keyframe bitrate polygon texture sprite contour timetable humidity payroll pension hedge candle margin portfolio
	glyph lexeme grammar locale translation vault nonce cipher consent inode sector manifest artifact volume sensor alarm
	incident avatar banner campaign checkpoint gateway cluster snapshot partition backlog heartbeat watermark tombstone
	bloom digestion lattice quorum gossip beacon relay tunnel throttling backoff jitter sampling histogram percentile
	rollup retention eviction prefetch warmup blueprint catalogue dossier almanac census atlas gazette glossary lexicon
	thesaurus syllabus roster docket`)

// initialisms are written in capitals in Go names.
var initialisms = map[string]string{
	"id":   "ID",
	"url":  "URL",
	"ttl":  "TTL",
	"api":  "API",
	"http": "HTTP",
	"json": "JSON",
}

// qualifiers end or begin names, and include the initialisms.
var qualifiers = strings.Fields(`id url json ttl http api all once many pair range each any batchwise pairwise greedy stable hashed ranked weighted
	keyed lines bytes words chunks tree list sum mean peak floor ceiling head tail middle inner outer`)

// zipf draws from 0 to n-1; i comes about 1/(i+1) times as often as 0.
type zipf []float64

func newZipf(n int) zipf {
	z := make(zipf, n)
	sum := 0.0
	for i := range z {
		sum += 1 / float64(i+1)
		z[i] = sum
	}
	return z
}

func (z zipf) draw(r *rand.Rand) int {
	return sort.SearchFloat64s(z, r.Float64()*z[len(z)-1])
}

// rareWords is the number of words that occur only in some texts: product
// names, error codes.
const rareWords = 20_000

var (
	verbZipf      = newZipf(len(verbs))
	nounZipf      = newZipf(len(nouns))
	adjectiveZipf = newZipf(len(adjectives))
	qualifierZipf = newZipf(len(qualifiers))
	rareZipf      = newZipf(rareWords)
)

func verb(r *rand.Rand) string      { return verbs[verbZipf.draw(r)] }
func noun(r *rand.Rand) string      { return nouns[nounZipf.draw(r)] }
func adjective(r *rand.Rand) string { return adjectives[adjectiveZipf.draw(r)] }
func qualifier(r *rand.Rand) string { return qualifiers[qualifierZipf.draw(r)] }
func rare(r *rand.Rand) string      { return rareWord(rareZipf.draw(r)) }

// rareWord generates the i-th rare word: a code ("E0417"), or syllables
// ("Velorin").
func rareWord(i int) string {
	if i%5 == 0 {
		return fmt.Sprintf("E%04d", i/5)
	}
	const heads, tails = "bdfgklmnprstvz", "aeiou"
	word := []byte{}
	for rest := i + 200; rest > 0; rest /= len(heads) * len(tails) {
		word = append(word, heads[rest%len(heads)], tails[rest/len(heads)%len(tails)])
	}
	word = append(word, "nrsxl"[i%5])
	word[0] -= 'a' - 'A'
	return string(word)
}

// thirdPerson is "parses" for "parse".
func thirdPerson(verb string) string {
	switch {
	case strings.HasSuffix(verb, "ch"), strings.HasSuffix(verb, "sh"), strings.HasSuffix(verb, "ss"), strings.HasSuffix(verb, "x"):
		return verb + "es"
	case strings.HasSuffix(verb, "y") && !strings.ContainsAny(verb[len(verb)-2:len(verb)-1], "aeiou"):
		return verb[:len(verb)-1] + "ies"
	}
	return verb + "s"
}

func plural(noun string) string {
	switch {
	case noun == "series":
		return noun
	case noun == "shelf":
		return "shelves"
	case noun == "leaf":
		return "leaves"
	case noun == "vertex":
		return "vertices"
	}
	return thirdPerson(noun)
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// symbol is the Go name of a snake_case name.
func symbol(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		if upper := initialisms[word]; upper != "" {
			b.WriteString(upper)
		} else {
			b.WriteString(capital(word))
		}
	}
	return b.String()
}
