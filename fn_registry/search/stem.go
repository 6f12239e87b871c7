package search

import "strings"

// stem maps the forms of an English word to one string: retry, retries, retried
// and retrying. The string need not be a word (update and updating give
// "updat"). It is light on purpose: suffixes that change the meaning (-er,
// -ion) stay. stem(stem(w)) is stem(w).
func stem(w string) string {
	for range 8 { // each step shortens the word or ends, except for one restored e or y
		s := stemOnce(w)
		if s == w {
			break
		}
		w = s
	}
	return w
}

func stemOnce(w string) string {
	if s, ok := irregular[w]; ok {
		return s
	}
	if len(w) < 4 || !letters(w) {
		return w
	}
	return dropSilent(dropEnding(dropPlural(w)))
}

// irregular holds forms that the rules get wrong, and base words that they
// would damage.
var irregular = map[string]string{
	"ids": "id", "dbs": "db", "oses": "os", "indices": "index", "indexes": "index", "alias": "alias", "bias": "bias",
	"canvas": "canvas", "atlas": "atlas", "used": "use", "using": "use", "added": "add", "adding": "add",
	"ran": "run", "sent": "send", "wrote": "write", "written": "write", "built": "build", "kept": "keep",
	"cach": "cache", "rout": "route", "chang": "change", "exchang": "exchange", "sync": "sync", "synced": "sync",
	"syncing": "sync", "embed": "embed", "this": "this", "series": "series",
	"died": "die", "dying": "die", "tied": "tie", "tying": "tie", "lied": "lie", "lying": "lie", "freed": "free",
	"aged": "age", "aging": "age", "owed": "owe", "cued": "cue", "panicked": "panic", "panicking": "panic",
	"began": "begin", "begun": "begin", "broke": "break", "broken": "break", "caught": "catch", "chose": "choose",
	"chosen": "choose", "drew": "draw", "drawn": "draw", "forgot": "forget", "forgotten": "forget",
	"froze": "freeze", "frozen": "freeze", "gave": "give", "given": "give", "grew": "grow", "grown": "grow",
	"held": "hold", "hidden": "hide", "knew": "know", "known": "know", "lost": "lose",
	"slept": "sleep", "spent": "spend", "threw": "throw", "thrown": "throw", "took": "take", "taken": "take",
	"woke": "wake", "woken": "wake", "rebuilt": "rebuild", "rewrote": "rewrite", "rewritten": "rewrite",
	"overwrote": "overwrite", "overwritten": "overwrite",
	"buses": "bus", "gas": "gas", "gases": "gas", "lens": "lens", "lenses": "lens", "matrices": "matrix",
	"vertices": "vertex", "children": "child", "criteria": "criterion", "halves": "half",
}

func dropPlural(w string) string {
	n := len(w)
	switch {
	case w[n-1] != 's':
		return w
	case strings.HasSuffix(w, "ies") && n > 4:
		return w[:n-3] + "y"
	case hasAnySuffix(w, "sses", "xes", "ches", "shes", "zzes"):
		return w[:n-2]
	case hasAnySuffix(w, "ss", "us", "is"):
		return w
	}
	return w[:n-1]
}

func dropEnding(w string) string {
	n := len(w)
	switch {
	case strings.HasSuffix(w, "ied") && n > 4:
		return w[:n-3] + "y"
	case strings.HasSuffix(w, "eed"):
		if hasAnySuffix(w, "reed", "teed") && !strings.HasSuffix(w, "breed") && syllables(w) > 1 {
			return w[:n-1] // agreed, guaranteed: not need, breed, exceed
		}
		return w
	case strings.HasSuffix(w, "ed") && n > 4 && syllables(w[:n-2]) > 0:
		return restore(w[:n-2])
	case strings.HasSuffix(w, "ing") && n > 5 && syllables(w[:n-3]) > 0:
		return restore(w[:n-3])
	}
	return w
}

// restore restores what a base lost before -ed or -ing: the e of "write" in
// "writing", the single p of "stop" in "stopping". A base of two syllables
// needs no e: dropSilent removes it from all its forms.
func restore(base string) string {
	if s, ok := irregular[base]; ok {
		return s
	}
	n := len(base)
	last := base[n-1]
	if n > 2 && last == base[n-2] {
		if strings.IndexByte("lsfz", last) >= 0 || isVowel(base, n-1) {
			return base
		}
		return base[:n-1]
	}
	if syllables(base) == 1 && lostE(base) {
		return base + "e"
	}
	return base
}

// lostE reports whether a base of one syllable lost a final e before -ed or
// -ing.
func lostE(base string) bool {
	n := len(base)
	last := base[n-1]
	switch last {
	case 'v', 'u', 'z', 'c', 's':
		return true
	case 'w', 'x', 'y':
		return false
	case 'g':
		if n > 1 && (base[n-2] == 'r' || base[n-2] == 'd') {
			return true
		}
	case 'l':
		if n > 1 && strings.IndexByte("bdfgkpt", base[n-2]) >= 0 {
			return true
		}
	}
	// A single vowel between consonants: had there been no e, the last
	// consonant would be doubled (writing, hitting).
	return n > 2 && !isVowel(base, n-1) && isVowel(base, n-2) && (!isVowel(base, n-3) || strings.HasPrefix(base[max(n-4, 0):], "qu"))
}

// dropSilent removes the final e, and one of a final ll, from a word that has
// two syllables without it.
func dropSilent(w string) string {
	n := len(w)
	if n < 5 {
		return w
	}
	if (w[n-1] == 'e' || strings.HasSuffix(w, "ll")) && syllables(w[:n-1]) > 1 {
		return w[:n-1]
	}
	return w
}

// syllables counts the groups of vowels.
func syllables(w string) int {
	n, before := 0, false
	for i := range len(w) {
		v := isVowel(w, i)
		if v && !before {
			n++
		}
		before = v
	}
	return n
}

func isVowel(w string, i int) bool {
	switch w[i] {
	case 'a', 'e', 'i', 'o', 'u':
		return true
	case 'y':
		return i > 0 && !isVowel(w, i-1)
	}
	return false
}

func letters(w string) bool {
	for i := range len(w) {
		if w[i] < 'a' || w[i] > 'z' {
			return false
		}
	}
	return true
}

func hasAnySuffix(w string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(w, s) {
			return true
		}
	}
	return false
}
