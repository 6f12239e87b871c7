package rowquery

import (
	"fmt"
	"slices"
	"strings"

	"fnregistry.dev/functions/core"
)

const (
	maxDepth  = 10   // of and and or in one another
	maxTerms  = 200  // comparisons of one filter
	maxValues = 1000 // values of one in
)

var (
	logicNames = []string{"and", "or", "not.and", "not.or"}
	operators  = []string{"eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "in", "is", "fts"}
	isValues   = []string{"null", "not_null", "true", "false"}
)

// RowFilterParse reads one parameter of a query string as a filter:
//
//	age=gte.18               name=ilike.*an*          id=in.(1,2,"a,b")
//	deleted=is.null          age=not.lt.18            data->>city=eq.Paris
//	or=(age.lt.18,age.gt.65) not.and=(a.eq.1,or(b.is.null,b.eq.2))
//
// The value of a parameter of its own is taken as it is to its end; within or
// and and it ends at a comma or bracket, unless it is in double quotes. A
// filter has at most 200 comparisons, 10 levels, and 1,000 values after in.
//
// Errors: CodeInvalid, with the place of the mistake.
//
// More in row_filter_parse.md:
//   - It does not know the columns: check RowFilter.Columns against the table.
//   - A column named and, or, not.and or not.or, or as one of the other
//     parameters, is written in double quotes: "or"=eq.1.
func RowFilterParse(name, value string) (RowFilter, error) {
	if slices.Contains(logicNames, name) {
		p := newParser("row_filter_parse parameter="+name, value)
		logic, not := strings.CutPrefix(name, "not.")
		f := p.terms(RowLogic(logic), not, 1)
		p.end()
		return f.orError(p.err)
	}
	column := newParser("row_filter_parse parameter="+core.TerminalText(clip(name)), name)
	f := RowFilter{Column: column.column("")}
	column.end()
	if column.err != nil {
		return RowFilter{}, column.err
	}
	p := newParser(column.op, value)
	p.comparison(&f)
	switch f.Operator {
	case RowIn:
		f.Values = p.values()
	default:
		f.Value = p.rest()
		p.at = len(p.text)
	}
	p.check(f)
	p.end()
	return f.orError(p.err)
}

func (f RowFilter) orError(err error) (RowFilter, error) {
	if err != nil {
		return RowFilter{}, err
	}
	return f, nil
}

// terms reads a list in brackets.
func (p *parser) terms(logic RowLogic, not bool, depth int) RowFilter {
	f := RowFilter{Logic: logic, Not: not}
	if depth > maxDepth {
		p.fail(fmt.Sprintf("more than %d levels of and and or", maxDepth), "")
	}
	p.expect("(")
	for p.err == nil {
		f.Terms = append(f.Terms, p.term(depth))
		if !p.take(",") {
			break
		}
	}
	p.expect(")")
	return f
}

// term reads one filter of a list.
func (p *parser) term(depth int) RowFilter {
	for _, name := range logicNames {
		if strings.HasPrefix(p.rest(), name+"(") {
			p.take(name)
			logic, not := strings.CutPrefix(name, "not.")
			return p.terms(RowLogic(logic), not, depth+1)
		}
	}
	if p.count++; p.count > maxTerms {
		p.fail(fmt.Sprintf("more than %d comparisons", maxTerms), "")
	}
	f := RowFilter{Column: p.column(".,()")}
	p.expect(".")
	p.comparison(&f)
	if f.Operator == RowIn {
		f.Values = p.values()
	} else {
		f.Value = p.value()
	}
	p.check(f)
	return f
}

// comparison reads "not." and the operator, up to the value.
func (p *parser) comparison(f *RowFilter) {
	f.Not = p.take("not.")
	start := p.at
	word := p.word()
	if p.err == nil && !slices.Contains(operators, word) {
		hint := core.DidYouMean(core.NameNearest(word, operators)...)
		if hint == "" {
			hint = "write one of " + strings.Join(operators, ", ") + ", a dot and the value, as in eq.1"
		}
		p.failAt(start, "unknown operator", hint)
	}
	f.Operator = RowOperator(word)
	p.expect(".")
}

// values reads the list after in.
func (p *parser) values() []string {
	p.expect("(")
	values := []string{}
	if p.take(")") {
		return values
	}
	for p.err == nil {
		values = append(values, p.value())
		if len(values) > maxValues {
			p.fail(fmt.Sprintf("more than %d values", maxValues), "")
		}
		if !p.take(",") {
			break
		}
	}
	p.expect(")")
	return values
}

// value reads a value of a list: in quotes, or up to a comma or bracket.
func (p *parser) value() string {
	if strings.HasPrefix(p.rest(), `"`) {
		return p.quoted()
	}
	rest := p.rest()
	end := strings.IndexAny(rest, ",()")
	if end < 0 {
		end = len(rest)
	}
	p.at += end
	return rest[:end]
}

// check holds the value against the operator.
func (p *parser) check(f RowFilter) {
	if p.err == nil && f.Operator == RowIs && !slices.Contains(isValues, f.Value) {
		p.at = len(p.text)
		p.fail(fmt.Sprintf("is.%s: unknown value", core.TerminalText(clip(f.Value))), "write one of is."+strings.Join(isValues, ", is."))
	}
}

// clip shortens a text for a message.
func clip(s string) string {
	if runes := []rune(s); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}
