package page

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// value writes the content of a cell or a fact.
func (w *PageWriter) value(v any) {
	switch v := v.(type) {
	case nil:
	case PageComponent:
		w.Add(v)
	case PageLink:
		w.link(v)
	case []PageLink:
		w.Open("ul", "class", "tags")
		for _, l := range v {
			w.Open("li")
			w.tag(l)
			w.Close("li")
		}
		w.Close("ul")
	case time.Time:
		w.Element("time", v.Format("2006-01-02 15:04:05"), "datetime", v.Format(time.RFC3339))
	case string:
		w.Text(v)
	case float64:
		w.Text(number(v))
	default:
		w.Text(fmt.Sprint(v))
	}
}

// number writes a number in the shortest form that identifies it.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// px writes a coordinate of a picture, to a tenth of a pixel.
func px(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func (w *PageWriter) link(l PageLink) {
	if l.URL == "" {
		w.Text(l.Text)
		return
	}
	w.Element("a", l.Text, "href", l.URL, "title", l.Hint)
}
