package http

import (
	"iter"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// HTTPAccept returns which of the offered media types the client wants most, by
// the request's Accept header (RFC 9110, section 12.5.1). Of those that it
// wants equally, one that it names goes before one that only a range such as
// */* has, and then the first that is offered. It returns the first offer where
// the header is missing, can't be read, or takes none of them: to answer what
// was not asked for is more use than 406. Without offers it returns "".
//
// The caller adds Vary: Accept to the response.
//
// More in http_accept.md:
//   - Programs that send no Accept, or */* alone, get the first offer.
//   - Parameters such as charset or version are ignored.
func HTTPAccept(r *http.Request, offers ...string) string {
	best, bestWeight, bestFit := "", 0.0, 0
	ranges := strings.Join(r.Header.Values("Accept"), ",")
	for _, offer := range offers {
		weight, fit := acceptance(ranges, offer)
		if weight > 0 && (weight > bestWeight || weight == bestWeight && fit > bestFit) {
			best, bestWeight, bestFit = offer, weight, fit
		}
	}
	if best == "" && len(offers) > 0 {
		return offers[0]
	}
	return best
}

// acceptance returns the weight that a client gives a media type, by the range
// that fits it most closely: 3 the type itself, 2 as text/*, 1 as */*, 0 none.
func acceptance(ranges, offer string) (weight float64, fit int) {
	for entry := range splitList(ranges) {
		media, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		closeness := 0
		kind, _, _ := strings.Cut(offer, "/")
		switch media {
		case offer:
			closeness = 3
		case kind + "/*":
			closeness = 2
		case "*/*":
			closeness = 1
		}
		if closeness <= fit {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil || !(q >= 0 && q <= 1) { // NaN is neither
				continue
			}
		}
		weight, fit = q, closeness
	}
	return weight, fit
}

// splitList yields what is between a header's commas. Those in quotes, which
// may hold any text, are none.
func splitList(header string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(header); i++ {
			switch {
			case header[i] == '"':
				quoted = !quoted
			case header[i] == '\\' && quoted:
				i++
			case header[i] == ',' && !quoted:
				if !yield(header[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(header[start:])
	}
}
