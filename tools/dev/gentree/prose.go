package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The sentences. In them %v is a verb, %V one in the third person, %n a noun,
// %p a plural, %a an adjective, %r a rare word, %d a number.

var firstSentences = []string{
	"%V the %p of a %n",
	"%V %a %p and leaves the others as they are",
	"%V each %n of a %a %n in the order in which it came",
	"%V a %n into %p of at most %d",
	"%V what a %n holds and says how many %p there were",
	"%V and %V the %a %p of one %n",
	"%V a %n by its %n, with the %a %p first",
	"%V a %n that %r sends, without its %p",
}

var moreSentences = []string{
	"A %n without %p counts as %a",
	"Stops at the first %a %n and says which it was",
	"Keeps the %n that the %n had before",
	"Safe for several %p at once",
	"Works on %p of any size, one %n at a time",
	"Never holds more than %d %p in memory",
	"The %n is %a until the next %n",
	"Follows what %r does with %a %p",
	"An empty %n is no error",
}

var whenSentences = []string{
	"Before a %n is %a, whenever its %p come from outside",
	"To %v a %n of more than %d %p, where the %n would be too slow",
	"When a %n has to be shown to people who know its %p by name",
	"In front of every %n that %Vs a %n of its own",
	"Where %r delivers %p in no order, and the %n wants them %a",
	"Not for a %n that is %a already; it would %v it a second time",
	"Instead of a loop over %p that looks at each %n by hand",
	"For %p below %d it costs less than one %n",
	"Together with a %n that can %v what was left over",
	"In a test, to get a %a %n without a %n",
	"It does not %v the %n; the caller has to do that before",
	"Use it once for each %n, not once for each of its %p",
	"Where the %n may be %a, %v it first",
}

var gotchas = []string{
	"A %a %n is not the same as a missing one: the first gives an error, the second gives no %p.",
	"The %n is read once. What changes in it afterwards is seen by the next %n only.",
	"With more than %d %p the %n grows by one %n for each of them.",
	"%r counts its %p from 1, this counts them from 0.",
	"It does not close the %n. Whoever made it does.",
	"Two %p with the same %n come out in the order in which they went in.",
	"The %a %n of a %n wins over its %p, even where both are %a.",
	"A %n of %d bytes and one of %d give the same %n. Compare the %p, too.",
	"Times are taken as they are. A %n from another zone is %a by some hours.",
	"It is slow for %p that are %a: sort them first.",
	"An error names the %n, never what is in it.",
	"A negative %n is refused, a %n of zero means the default.",
	"Do not call it while the %n is %a; it waits for the %n to end.",
	"The result shares memory with the %n. Copy it before you %v it.",
	"In %r before version %d the %n has no %n; it counts as %a.",
}

// sentence fills a pattern with words.
func sentence(r *rand.Rand, pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			b.WriteByte(pattern[i])
			continue
		}
		i++
		switch pattern[i] {
		case 'v':
			b.WriteString(verb(r))
		case 'V':
			b.WriteString(thirdPerson(verb(r)))
		case 'n':
			b.WriteString(noun(r))
		case 'p':
			b.WriteString(plural(noun(r)))
		case 'a':
			b.WriteString(adjective(r))
		case 'r':
			b.WriteString(rare(r))
		case 'd':
			fmt.Fprint(&b, 1<<(2+r.IntN(9)))
		}
	}
	return articles(b.String())
}

// articles writes "an" before vowels.
func articles(text string) string {
	words := strings.Split(text, " ")
	for i := range len(words) - 1 {
		if next := words[i+1]; (words[i] == "a" || words[i] == "A") && next != "" && strings.ContainsRune("aeiouAEIO", rune(next[0])) {
			words[i] += "n"
		}
	}
	return strings.Join(words, " ")
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// description is one to three sentences; the first begins with the verb that
// the unit's name has, if it has one.
func description(r *rand.Rand, u *unit) string {
	first := sentence(r, pick(r, firstSentences))
	for word := range strings.SplitSeq(u.name, "_") {
		if u.kind != typ && isVerb[word] {
			_, rest, _ := strings.Cut(first, " ")
			first = thirdPerson(word) + " " + rest
		}
	}
	if u.kind == typ {
		first = sentence(r, "the %a state of one %n, with the %p that belong to it")
	}
	text := capital(first) + "."
	for range r.IntN(3) {
		text += " " + capital(sentence(r, pick(r, moreSentences))) + "."
	}
	return text
}

var isVerb = map[string]bool{}

func init() {
	for _, v := range verbs {
		isVerb[v] = true
	}
}

// paragraph is n sentences, a line each.
func paragraph(r *rand.Rand, patterns []string, n int) string {
	var b strings.Builder
	for range n {
		b.WriteString(capital(sentence(r, pick(r, patterns))) + ".\n")
	}
	return b.String()
}
