// Package expfmttest holds the metrics package against Prometheus' own code:
// its parser reads the pages, its client is measured beside. It is a module of
// its own so that these, and the protobuf behind them, are in nobody's module
// graph.
package expfmttest
