package httpapitest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// hostile sends, next to a good request, what its operation must refuse.
func (c *checking) hostile(op *operation, good HTTPAPIConformanceRequest) {
	path, query, _ := strings.Cut(good.Path, "?")
	with := func(more string) string {
		return path + "?" + strings.TrimPrefix(query+"&"+more, "&")
	}
	c.refused("an unknown parameter", op, with("no-such-parameter=1"), good.Body, nil, 400)
	c.refused("a parameter without a name", op, with("=1"), good.Body, nil, 400)
	c.refused("a badly encoded query", op, with("%zz"), good.Body, nil, 400)
	c.refused("a semicolon between parameters", op, with("a;b"), good.Body, nil, 400)
	given, _ := url.ParseQuery(query)
	for _, p := range op.Parameters {
		if p.In == "path" {
			c.badPath(op, p, good)
			continue
		}
		others := maps.Clone(given)
		others.Del(p.Name)
		for what, value := range badValues(p.Schema) {
			rest := url.Values(others).Encode()
			target := path + "?" + strings.TrimPrefix(rest+"&"+url.QueryEscape(p.Name)+"="+value, "&")
			c.refused(p.Name+" is "+what, op, target, good.Body, nil, 400)
		}
		if p.Schema.kind() != "array" {
			name := url.QueryEscape(p.Name)
			c.refused(p.Name+" is given twice", op, path+"?"+strings.TrimPrefix(url.Values(others).Encode()+"&"+name+"=1&"+name+"=1", "&"), good.Body, nil, 400)
		}
	}
	if op.RequestBody != nil {
		c.badBodies(op, good)
	}
	c.foreign(op, good)
	c.allows(op, path)
	if op.method == http.MethodGet && !op.streams() {
		c.conditional(good.Path)
	}
}

// badValues are values, as they are written in a URL, that a parameter does not
// take, by what is wrong with them.
func badValues(s schema) map[string]string {
	if s.kind() == "array" && s.Items != nil {
		return badValues(*s.Items)
	}
	bad := map[string]string{}
	switch s.kind() {
	case "integer":
		bad = map[string]string{"a word": "x", "no number": "", "a fraction": "1.5", "too large for any": "99999999999999999999", "not UTF-8": "%ff"}
		if s.Minimum != nil {
			bad["below its minimum"] = strconv.FormatInt(*s.Minimum-1, 10)
		}
		if s.Maximum != nil {
			bad["above its maximum"] = strconv.FormatInt(*s.Maximum+1, 10)
		}
	case "number":
		bad = map[string]string{"a word": "x", "not a number": "NaN", "infinite": "Inf"}
	case "boolean":
		bad = map[string]string{"neither true nor false": "maybe"}
	case "string":
		bad = map[string]string{"not UTF-8": "%ff%fe", "a NUL": "a%00b", "too long": strings.Repeat("x", 4097)}
		if s.Enum != nil {
			bad["none of its values"] = "no-such-value"
		}
	}
	return bad
}

// badPath puts what a path parameter does not take in its place.
func (c *checking) badPath(op *operation, p parameter, good HTTPAPIConformanceRequest) {
	path, query, _ := strings.Cut(good.Path, "?")
	segments, names := strings.Split(path, "/"), strings.Split(op.path, "/")
	at := slices.Index(names, "{"+p.Name+"}")
	if at < 0 || at >= len(segments) {
		return
	}
	for what, value := range badValues(p.Schema) {
		if value == "" {
			continue // another path
		}
		bad := slices.Clone(segments)
		bad[at] = value
		target := strings.Join(bad, "/")
		if query != "" {
			target += "?" + query
		}
		c.refused(p.Name+" is "+what, op, target, good.Body, nil, 400)
	}
}

// badBodies sends bodies that are not what the operation takes.
func (c *checking) badBodies(op *operation, good HTTPAPIConformanceRequest) {
	send := func(what, body string, header map[string]string, status int) {
		c.refused(what, op, good.Path, body, header, status)
	}
	send("a body that is no JSON by its type", good.Body, map[string]string{"Content-Type": "text/plain"}, 415)
	send("a form", "a=b", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, 415)
	send("a compressed body", good.Body, map[string]string{"Content-Encoding": "gzip"}, 415)
	send("half a body", good.Body[:len(good.Body)/2], nil, 400)
	send("two bodies", good.Body+good.Body, nil, 400)
	send("a body nested deeply", strings.Repeat("[", 100), nil, 400)
	send("a blank body", " ", nil, 400)
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(good.Body), &fields) != nil {
		return // no object
	}
	inner := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(good.Body), "{"), "}")
	send("an unknown field", `{"no_such_field": 1, `+inner+"}", nil, 400)
	send("a field that is not UTF-8", "{\"\xff\": 1, "+inner+"}", nil, 400)
	for name, value := range fields {
		quoted, _ := json.Marshal(name)
		send("a field given twice", "{"+string(quoted)+": "+string(value)+", "+inner+"}", nil, 400)
	}
}

// foreign sends what a foreign page makes a browser send.
func (c *checking) foreign(op *operation, good HTTPAPIConformanceRequest) {
	for _, host := range []string{"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80"} {
		c.refused("the host "+host, op, good.Path, good.Body, map[string]string{"Host": host}, 403)
	}
	c.refused("the host is spoofed by a proxy's header, and another one", op, good.Path, good.Body,
		map[string]string{"Host": "evil.example", "X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1"}, 403)
	if op.method == http.MethodGet {
		got := c.do(op.method, good.Path, "", map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
		if got.header.Get("Access-Control-Allow-Origin") != "" {
			c.report("GET %s: a foreign page may read the response", good.Path)
		}
		return
	}
	c.refused("a foreign page", op, good.Path, good.Body, map[string]string{"Origin": "https://evil.example"}, 403)
	c.refused("a foreign page", op, good.Path, good.Body, map[string]string{"Sec-Fetch-Site": "cross-site"}, 403)
}

// withoutToken sends a good request as somebody who has no token, or a wrong
// one, and is on another machine.
func (c *checking) withoutToken(op *operation, good HTTPAPIConformanceRequest) {
	stranger := map[string]string{"Authorization": "", "X-Forwarded-For": "203.0.113.9"}
	if op.open() {
		if got := c.do(op.method, good.Path, good.Body, stranger); got.status == 401 || got.status == 403 {
			c.report("%s %s: without a token: status %d, though the document says that it needs none", op.method, good.Path, got.status)
		}
		return
	}
	c.refused("without a token", op, good.Path, good.Body, stranger, 401)
	if op.method == http.MethodGet && !op.streams() { // which may not end by HEAD
		if got := c.do("HEAD", good.Path, "", stranger); got.status != 401 {
			c.report("HEAD %s: without a token: status %d, want 401", good.Path, got.status)
		}
	}
	stranger["Authorization"] = "Bearer " + strings.Repeat("x", len(c.cfg.Token))
	c.refused("with a wrong token", op, good.Path, good.Body, stranger, 401)
}

// conditional holds a GET to its ETag, and HEAD to GET.
func (c *checking) conditional(path string) {
	got := c.do("GET", path, "", nil)
	tag := got.header.Get("Etag")
	if tag == "" {
		c.report("GET %s: no ETag", path)
		return
	}
	for _, asked := range []string{tag, "W/" + strings.TrimPrefix(tag, "W/"), `"other", ` + tag} {
		again := c.do("GET", path, "", map[string]string{"If-None-Match": asked})
		// Between the two the state may have changed, and the tag with it.
		if again.status != 304 && again.header.Get("Etag") == tag || len(again.body) > 0 && again.status == 304 {
			c.report("GET %s, If-None-Match %s: status %d, %d bytes", path, asked, again.status, len(again.body))
		}
	}
	if other := c.do("GET", path, "", map[string]string{"If-None-Match": `"other"`}); other.status != 200 {
		c.report(`GET %s, If-None-Match "other": status %d`, path, other.status)
	}
	head := c.do("HEAD", path, "", nil)
	if head.status != 200 || head.header.Get("Content-Type") != got.header.Get("Content-Type") || len(head.body) > 0 {
		c.report("HEAD %s: status %d %v, unlike GET's", path, head.status, head.header)
	}
}
