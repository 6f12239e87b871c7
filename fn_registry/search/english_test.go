package search

import (
	"bufio"
	"bytes"
	"flag"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var scowl = flag.String("scowl", "", "folder of SCOWL's lists (/usr/share/dict/scowl of Debian's package scowl), to write english.bin")

// TestEnglishFile writes english.bin if -scowl is set: go test -run EnglishFile
// ./search -scowl /usr/share/dict/scowl. In any case it checks that the filter
// contains some words of the list, and few random ones.
func TestEnglishFile(t *testing.T) {
	if *scowl != "" {
		stems := scowlStems(t, *scowl)
		f := newStemFilter(stems)
		if err := os.WriteFile("english.bin", []byte(f), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d stems", len(stems))
		englishStems = f
	}
	if n := len(englishStems); n != filterBytes {
		t.Fatalf("%d bytes", n)
	}
	for _, w := range strings.Fields("kitchen invoice weather mattress painting happily furniture") {
		if !isStem(stem(w)) { // perhaps stem has changed since
			t.Errorf("%s is missing: write the file again", w)
		}
	}
	random, taken := rand.New(rand.NewPCG(1, 2)), 0
	const tries = 10_000
	for range tries {
		var w []byte
		for range 6 {
			w = append(w, byte('a'+random.IntN(26)))
		}
		if isStem(string(w)) {
			taken++
		}
	}
	if taken > tries/100 {
		t.Errorf("of %d random words %d count as English", tries, taken)
	}
	if taken > 0 {
		t.Logf("of %d random words %d count as English", tries, taken)
	}
}

// scowlStems lists the stems of the words of levels 10 to 35; of short words
// only the most frequent.
func scowlStems(t *testing.T, dir string) []string {
	stems := map[string]bool{}
	for _, level := range []string{"10", "20", "35"} {
		data, err := os.ReadFile(filepath.Join(dir, "english-words."+level))
		if err != nil {
			t.Fatal(err)
		}
		for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
			w := s.Text()
			if letters(w) && len(w) <= 16 && (len(w) > 3 || len(w) == 3 && level != "35") {
				stems[stem(w)] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(stems))
}

func TestIsEnglish(t *testing.T) {
	t.Parallel()
	for _, w := range strings.Fields(`headless headers leader leaders post posting postage mattress unread rename mindful
		weather whether cat calculate invoice invoices friendly spreadsheet kitchen`) {
		if !isEnglish(w) {
			t.Errorf("%s is no word", w)
		}
	}
	for _, w := range strings.Fields(`postgress sqllite mesage messsage databse retyr recieve conection encyption migraton keyrng
		bckoff qeue queu http2 été 1234 ab x`) {
		if isEnglish(w) {
			t.Errorf("%s is a word", w)
		}
	}
}

// TestRealWordsStay checks that an intended word is not treated as a typo of a
// unit's word, and that typos are still tolerated.
func TestRealWordsStay(t *testing.T) {
	t.Parallel()
	x := Build(slices.Values([]Doc{
		{Key: "headers", Name: "set_headers", Description: "Sets response headers and the color of a message."},
		{Key: "sync", Name: "room_sync", Description: "Syncs rooms of leaders from postgres."},
		{Key: "a"}, {Key: "b"}, {Key: "c"},
	}))
	for query, want := range map[string]string{
		"headlees":        "headers",
		"headress":        "headers",
		"mesage":          "headers",
		"leadres":         "sync",
		"ledgers":         "", // leaders
		"massage":         "", // message
		"heaters":         "", // headers
		"async":           "", // sync
		"headless":        "",
		"brooms":          "", // rooms
		"post office":     "", // the beginning of postgres, but a word
		"postg office":    "sync",
		"colour":          "headers", // color
		"set heaters":     "headers", // by set
		"leeders massage": "sync",
	} {
		if got := keys(x.Search(ParseQuery(query), Options{}).Hits); got != want {
			t.Errorf("%s: found %q, want %q", query, got, want)
		}
	}
}
