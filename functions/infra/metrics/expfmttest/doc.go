// Package expfmttest tests the metrics package against Prometheus' own code:
// its parser reads the pages, its client is benchmarked for comparison. It is a
// module of its own so that these, and their protobuf dependency, stay out of
// every other module graph.
package expfmttest
