// Package page holds the components from which all programs build their web
// pages, with one style sheet and one script. They are also templ components,
// so that a program can write its pages in templ files, and they link only the
// standard library (docs/decisions/0031-page-kit.md).
// Pages are rendered on the server and complete without JavaScript. The script
// adds what only a browser can do: search while typing, keyboard navigation,
// copying, live regions. Everything works with the default policy of
// http_security_headers: nothing inline, nothing from another host.
// All text is escaped, and a URL that would run a script, such as javascript:,
// is replaced by one that leads nowhere.
package page
