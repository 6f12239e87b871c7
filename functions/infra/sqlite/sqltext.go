package sqlite

import "strings"

// statement is one statement of a SQL text, as SQLite's own tokenizer would
// split it.
type statement struct {
	text   string   // without the ; and without blanks and comments around it
	line   int      // of its first token, from 1
	words  []string // its first words, in upper case, up to four and up to the first token that is not a word
	params []param  // its parameters in index order, from 1
}

// param is one parameter of a statement, which may use it several times.
type param struct {
	name string // with its prefix (":id"); empty for ? and ?NNN
}

// splitSQL splits a SQL text at the semicolons that end a statement, but not at
// those in strings, quoted names, comments, parameters and trigger bodies. Text
// without a token is dropped.
func splitSQL(text string) []statement {
	var all []statement
	for at := 0; at < len(text); {
		s := statementScanner{text: text, at: at}
		s.run()
		if s.start >= 0 {
			s.found.text = text[s.start:s.end]
			s.found.line = 1 + strings.Count(text[:s.start], "\n")
			all = append(all, s.found)
		}
		at = s.at
	}
	return all
}

type statementScanner struct {
	text       string
	at         int
	start, end int // of the tokens seen; start is -1 until there is one
	found      statement
	wordsEnded bool
	trigger    bool
	previous   [2]string // the last two tokens, the newest last, if they are words (upper case) or ";"
}

// run reads up to and including the semicolon that ends the statement, or to
// the end of the text.
func (s *statementScanner) run() {
	s.start = -1
	for s.at < len(s.text) {
		from := s.at
		kind := nextToken(s.text, from)
		s.at = kind.end
		switch {
		case kind.blank:
			continue
		case kind.semicolon && !s.inTrigger():
			return
		}
		if s.start < 0 {
			s.start = from
		}
		s.end = s.at
		s.take(kind, s.text[from:s.at])
	}
}

// inTrigger reports whether a semicolon here is in a trigger's body, which only
// "; END ;" ends.
func (s *statementScanner) inTrigger() bool {
	return s.trigger && s.previous != [2]string{";", "END"}
}

func (s *statementScanner) take(kind token, text string) {
	mark := ""
	switch {
	case kind.semicolon:
		mark = ";"
	case kind.word:
		mark = strings.ToUpper(text)
	case kind.param:
		s.addParam(text)
	}
	s.previous = [2]string{s.previous[1], mark}
	if !kind.word || len(s.found.words) == 4 {
		s.wordsEnded = true
	}
	if !s.wordsEnded {
		s.found.words = append(s.found.words, mark)
		s.trigger = s.trigger || createsTrigger(s.found.words)
	}
}

func createsTrigger(words []string) bool {
	if len(words) > 0 && words[0] == "EXPLAIN" {
		words = words[1:]
	}
	switch len(words) {
	case 2:
		return words[0] == "CREATE" && words[1] == "TRIGGER"
	case 3:
		return words[0] == "CREATE" && (words[1] == "TEMP" || words[1] == "TEMPORARY") && words[2] == "TRIGGER"
	}
	return false
}

// maxParams is SQLite's own SQLITE_MAX_VARIABLE_NUMBER; a higher ?NNN is left
// to the engine to refuse.
const maxParams = 32766

func (s *statementScanner) addParam(text string) {
	params := &s.found.params
	if text[0] != '?' {
		for _, p := range *params {
			if p.name == text {
				return
			}
		}
		*params = append(*params, param{name: text})
		return
	}
	index := len(*params) + 1
	if len(text) > 1 {
		index = 0
		for _, digit := range []byte(text[1:]) {
			if index = index*10 + int(digit-'0'); index > maxParams {
				return
			}
		}
	}
	for len(*params) < index {
		*params = append(*params, param{})
	}
}
