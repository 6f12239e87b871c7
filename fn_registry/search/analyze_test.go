package search

import (
	"strings"
	"testing"
)

func TestAnalyze(t *testing.T) {
	t.Parallel()
	// Identifiers are separated by spaces, their parts by dots.
	for text, want := range map[string]string{
		"":                             "",
		"FileWriteAtomic":              "file.write.atomic",
		"file_write-atomic":            "file.write.atomic",
		"HTTPServe parses URLs, IDs":   "http.serve parses urls ids",
		"SSEHandler2XX sha256Sum":      "sse.handler2.xx sha256.sum",
		"Error401NoExit":               "error401.no.exit",
		"net/http cfg.Client":          "net http cfg client",
		"the unit's don't rock 'n'":    "the unit dont rock n",
		"--flag a- -b _c_ __init__":    "flag a b c init",
		"Conexión straße Œuvre ŁÓDŹ":   "conexion strasse oeuvre lodz",
		"cafe\u0301 naïve":             "cafe naive",
		"日本語 тест":                     "日本語 тест",
		"a\xffb \u0301":                "a b",
		"0.1.0 UTF-8":                  "0 1 0 utf.8",
		strings.Repeat("x", 100) + "Y": strings.Repeat("x", maxWord) + ".y",
	} {
		var got []string
		for _, parts := range identifiers(text) {
			got = append(got, strings.Join(parts, "."))
		}
		if got := strings.Join(got, " "); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestStem(t *testing.T) {
	t.Parallel()
	// All words of a line have one stem; no two lines share one.
	groups := `
		retry retries retried retrying
		write writes writing wrote written
		writer writers
		cache caches cached caching
		parse parses parsed parsing
		stop stops stopped stopping
		update updates updated updating
		encode encodes encoded encoding
		process processes processed processing
		match matches matched matching
		hash hashes hashed hashing
		merge merges merged merging
		type types typed typing
		name names named naming
		store stores stored storing
		restore restores restored restoring
		handle handles handled handling
		handler handlers
		resolve resolves resolved resolving
		queue queues queued queuing queueing
		control controls controlled controlling
		install installs installed installing
		install installing
		call calls called calling
		log logs logged logging
		login logins
		sort sorts sorted sorting
		listen listens listened listening
		limit limits limited limiting
		load loads loaded loading
		run runs running ran
		set sets setting
		add adds added adding
		use uses used using
		sync syncs synced syncing
		box boxes boxed boxing
		index indexes indices indexed indexing
		status statuses
		database databases
		query queries queried querying
		copy copies copied copying
		change changes changed changing
		close closes closed closing
		serve serves served serving
		trace traces traced tracing
		string strings
		thing things
		state states stated
		stat stats
		plan plans planned planning
		plane planes
		mode modes
		mod mods
		need needs needed
		feed feeds
		speed speeds speeded speeding
		spe
		breed
		inbreed
		exceed exceeds exceeded exceeding
		free frees freed freeing
		agree agrees agreed agreeing
		guarantee guarantees guaranteed guaranteeing
		decree decrees decreed
		quote quotes quoted quoting
		quit quits quitting
		die dies died dying
		lie lies lied lying
		tie ties tied tying
		age ages aged aging
		panic panics panicked panicking
		break breaks broke broken breaking
		choose chooses chose chosen choosing
		freeze freezes froze frozen freezing
		lose loses lost losing
		hold holds held holding
		take takes took taken taking
		overwrite overwrites overwrote overwritten overwriting
		rebuild rebuilds rebuilt rebuilding
		bus buses
		lens lenses
		len
		child children
		force forces forced forcing
		charge charges charged charging
		judge judges judged judging
		hang hangs hanged hanging
		pass passes passed passing
		miss misses missed missing
		stuff stuffs stuffed stuffing
		buzz buzzes buzzed buzzing
		value values valued valuing
		show shows showed showing
		play plays played playing
		allow allows allowed allowing
		fix fixes fixed fixing
		bundle bundles bundled bundling
		title titles titled titling
		shuffle shuffles shuffled shuffling
		pause pauses paused pausing
		move moves moved moving
		wait waits waited waiting
		read reads reading
		drain drains drained draining
		parole paroles paroled
		id ids
		redis
		dns
		tls
		канал
		naive`
	owner := map[string]string{}
	for line := range strings.Lines(groups) {
		words := strings.Fields(line)
		for _, w := range words {
			s := stem(w)
			if s != stem(words[0]) {
				t.Errorf("%s has stem %q, but %s has %q", w, s, words[0], stem(words[0]))
			}
			if o := owner[s]; o != "" && o != words[0] {
				t.Errorf("%s and %s share the stem %q", w, o, s)
			}
			owner[s] = words[0]
		}
	}
}

func FuzzStem(f *testing.F) {
	for _, w := range strings.Fields("caching embedded employees seeing stressed ingeds lling yying ssesing edging issuing aeed") {
		f.Add(w)
	}
	f.Fuzz(func(t *testing.T, w string) {
		if s := stem(w); stem(s) != s {
			t.Errorf("%q has stem %q, and that %q", w, s, stem(s))
		}
	})
}

func TestFoldTables(t *testing.T) {
	t.Parallel()
	if len(latin1) != 0x40 || len(latinExt) != 0x80 {
		t.Fatalf("tables of %d and %d letters", len(latin1), len(latinExt))
	}
	for r, want := range map[rune]string{'À': "a", 'ÿ': "y", 'ñ': "n", 'Þ': "þ", 'ø': "o", 'Ā': "a", 'ž': "z", 'ſ': "s",
		'ő': "o", 'İ': "i", 'ı': "i", 'ẞ': "ss", 'Ж': "ж"} {
		if got := string(appendFolded(nil, r)); got != want {
			t.Errorf("%c: got %q, want %q", r, got, want)
		}
	}
}

func TestNear(t *testing.T) {
	t.Parallel()
	words := map[string]bool{}
	for _, d := range goldenUnits(t) {
		for _, parts := range identifiers(d.Name + " " + d.Description + " " + d.Body) {
			for _, p := range parts {
				words[p] = true
			}
		}
	}
	b := newBuilder(1)
	for w := range words {
		b.add(&Doc{Key: w, Description: w})
	}
	s, _ := b.finish()
	for w := range words {
		for limit := range 4 {
			got := map[string]int{}
			s.near("q"+w[:len(w)-1], limit, func(i, d int) { got[string(s.words.at(i))] = d })
			for i := range s.words.len() {
				other := string(s.words.at(i))
				want := editDistance(other, "q"+w[:len(w)-1])
				if d, found := got[other]; found != (want <= limit) || found && d != want {
					t.Fatalf("q%s and %s: got %d (%v), want %d, limit %d", w, other, d, found, want, limit)
				}
			}
		}
	}
}
