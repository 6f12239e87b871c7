package search

import "strings"

// stopWords carry no information about a unit: they are neither indexed nor
// queried, unless a query has nothing else. Spanish ones are included because
// specs may be written in Spanish.
var stopWords = func() map[stopKey]bool {
	m := map[stopKey]bool{}
	for w := range strings.FieldsSeq(`
		a an and are as at be been but by can did does for from had has have how i if in into is it its me my of on or
		our so that the their them then there these they this those to was we were what when where which while who will
		with would you your
		al con de del el en es la las los lo para por que se su un una y`) {
		m[newStopKey([]byte(w))] = true
	}
	return m
}()

const longestStop = 5

// stopKey is a word of up to longestStop bytes, none of which is zero: looking
// up a number takes half the time.
type stopKey uint64

func newStopKey(word []byte) (key stopKey) {
	for _, c := range word {
		key = key<<8 | stopKey(c)
	}
	return key
}

// isStop reports whether a folded word is a stop word.
func isStop(word []byte) bool { return len(word) <= longestStop && stopWords[newStopKey(word)] }
