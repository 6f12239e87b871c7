package matrix

import "strings"

// markdownBudget bounds the work that goldmark may have with a text, in steps
// of some nanoseconds. A paragraph of 60 KB with 600 links in one line needs
// 36 million; what is written to keep a parser busy needs 900 million.
const markdownBudget = 50_000_000

// markdownCost estimates the work that goldmark has with a text beyond what
// grows with its length alone, and stops counting beyond the budget. It is of
// these kinds:
//   - Each "](" may be read to the end of its line, for a link's destination.
//   - Each run of the marks of emphasis may be compared with all others in its
//     paragraph.
//   - Each row of a table gets as many cells as its head.
//   - Quotes and lists that are nested in one line are opened one in the other;
//     beyond maxMarkdownDepth the text is not rendered anyway.
//
// Paragraphs and tables end at a blank line at the latest.
func markdownCost(source string) int {
	cost, marks := 0, 0
	columns := 0 // of a table that may have begun
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			marks, columns = 0, 0
			continue
		}
		if containers(line) > maxMarkdownDepth {
			return markdownBudget + 1
		}
		cost += strings.Count(line, "](") * len(line)
		runs := emphasisRuns(line)
		cost += runs * (runs + 2*marks) // of the square of all, what this line adds
		marks += runs
		if isTableDelimiter(line) {
			columns = max(columns, strings.Count(line, "|")+1)
		}
		const cell = 100 // steps
		cost += cell * columns
		if cost > markdownBudget {
			return cost
		}
	}
	return cost
}

// containers is how many quotes and lists begin at the start of a line.
func containers(line string) int {
	n := 0
	for {
		line = strings.TrimLeft(line, " \t")
		digits := len(line) - len(strings.TrimLeft(line, "0123456789"))
		switch {
		case strings.HasPrefix(line, ">"):
			line = line[1:]
		case digits == 0 && len(line) > 1 && strings.ContainsRune("-+*", rune(line[0])) && isBlank(line[1]):
			line = line[2:]
		case digits > 0 && len(line) > digits+1 && strings.ContainsRune(".)", rune(line[digits])) && isBlank(line[digits+1]):
			line = line[digits+2:]
		default:
			return n
		}
		n++
	}
}

func isBlank(b byte) bool { return b == ' ' || b == '\t' }

// emphasisRuns counts the runs of equal marks of emphasis.
func emphasisRuns(line string) int {
	n, last := 0, byte(0)
	for i := range len(line) {
		b := line[i]
		if (b == '*' || b == '_' || b == '~') && b != last {
			n++
		}
		last = b
	}
	return n
}

// isTableDelimiter reports whether a line may be what stands below a table's
// head.
func isTableDelimiter(line string) bool {
	return strings.Contains(line, "-") && strings.Trim(line, "|:-> \t*+.)0123456789") == ""
}
