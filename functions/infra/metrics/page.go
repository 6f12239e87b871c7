package metrics

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
)

// contentType is the text format's, see
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
const contentType = "text/plain; version=0.0.4; charset=utf-8"

// WriteTo writes all metrics in Prometheus' text format 0.0.4: sorted by name,
// and the series of a metric in an order that stays the same.
func (r *MetricsTextRegistry) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(r.page())
	if err != nil {
		err = &core.Error{Op: "metrics_text write", Err: err}
	}
	return int64(n), err
}

// ServeHTTP answers GET and HEAD with all metrics, 405 to other methods, and
// 406 to whoever does not accept text/plain (in version 0.0.4, where a version
// is named).
func (r *MetricsTextRegistry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "metrics are read with GET", http.StatusMethodNotAllowed)
		return
	}
	if !accepts(req.Header.Values("Accept")) {
		http.Error(w, "metrics come as "+contentType, http.StatusNotAcceptable)
		return
	}
	text := r.page()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if req.Method == http.MethodGet {
		_, _ = w.Write(text) // error ignored: the client is gone
	}
}

// accepts reports whether an Accept header allows the text format, by its most
// specific matching entry.
func accepts(header []string) bool {
	if len(header) == 0 {
		return true
	}
	best, accepted := -1, false
	for entry := range strings.SplitSeq(strings.Join(header, ","), ",") {
		kind, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		rank := slices.Index([]string{"*/*", "text/*", "text/plain"}, kind)
		if version, named := params["version"]; named && rank >= 0 {
			if version != "0.0.4" {
				continue
			}
			rank = 3
		}
		if rank > best {
			q, err := strconv.ParseFloat(params["q"], 64)
			best, accepted = rank, err != nil || q > 0
		}
	}
	return accepted
}

func (r *MetricsTextRegistry) page() []byte {
	r.mu.RLock()
	families := slices.Clone(r.families)
	r.mu.RUnlock()
	var p page
	for _, f := range families {
		p.head = fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n", f.name, helpEscaper.Replace(strings.ToValidUTF8(f.help, "\uFFFD")), f.name, f.kind)
		f.data.show(&p, f)
	}
	return p.text.Bytes()
}

var (
	helpEscaper  = strings.NewReplacer("\\", `\\`, "\n", `\n`)
	valueEscaper = strings.NewReplacer("\\", `\\`, "\n", `\n`, `"`, `\"`)
)

// page is the text being written. head is written before the next line, if
// there is one: a family without series is omitted.
type page struct {
	text bytes.Buffer
	head string
}

// line writes one sample of f. An extra label, if named, comes last and has a
// number as its value.
func (p *page) line(f *family, suffix string, values []string, extra string, extraValue, value float64) {
	p.text.WriteString(p.head)
	p.head = ""
	p.text.WriteString(f.name)
	p.text.WriteString(suffix)
	open := byte('{')
	label := func(name, value string) {
		p.text.WriteByte(open)
		open = ','
		p.text.WriteString(name)
		p.text.WriteString(`="`)
		p.text.WriteString(value)
		p.text.WriteByte('"')
	}
	for i, name := range f.labels {
		label(name, valueEscaper.Replace(values[i]))
	}
	if extra != "" {
		label(extra, formatFloat(extraValue))
	}
	if open == ',' {
		p.text.WriteByte('}')
	}
	p.text.WriteByte(' ')
	p.text.WriteString(formatFloat(value))
	p.text.WriteByte('\n')
}

func formatFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "+Inf"
	case math.IsInf(f, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
