package page

import (
	"strings"
	"testing"
)

func TestPageTableRows_ArePartOfTheTable(t *testing.T) {
	t.Parallel()
	rows, table := render(t, PageTableRows(jobs())), render(t, PageTable(jobs()))
	if !strings.Contains(table, `<div id="jobs-rows">`+rows+"</div>") {
		t.Errorf("the rows\n%s\nare not part of\n%s", rows, table)
	}
	hasNot(t, rows, "<form")
}
