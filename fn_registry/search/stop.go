package search

import "strings"

// stopWords say nothing about a unit: they are neither indexed nor asked for, save where a query has nothing else.
// Spanish ones are there because specs may be written in Spanish.
var stopWords = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`
		a an and are as at be been but by can did does for from had has have how i if in into is it its me my of on or
		our so that the their them then there these they this those to was we were what when where which while who will
		with would you your
		al con de del el en es la las los lo para por que se su un una y`) {
		m[w] = true
	}
	return m
}()

const longestStop = 5

// isStop tells whether a folded word is a stop word.
func isStop(word []byte) bool { return len(word) <= longestStop && stopWords[string(word)] }
