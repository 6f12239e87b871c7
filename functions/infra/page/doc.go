// Package page holds the parts that the pages of all programs are made of:
// components over one style sheet and one script. They are templ's components
// too, so that a program can write its pages in templ files, and they link
// nothing but the standard library (docs/decisions/0031-page-kit.md).
//
// Pages are rendered on the server and complete without JavaScript. The script
// adds what only a browser can do: search as one types, keys, copying, live
// regions. Everything suits http_security_headers' default policy: nothing
// inline, nothing from another host.
//
// Text is escaped wherever it comes from, and an address that would run
// something, as javascript:, is replaced by one that leads nowhere.
package page
