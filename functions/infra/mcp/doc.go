// Package mcp serves the Model Context Protocol
// (https://modelcontextprotocol.io) on two streams, so that coding agents call
// a program's functions as tools.
//
// It has what a program with tools that return text needs and no more:
// resources, prompts, sampling and the HTTP transport are left to the
// protocol's own SDK, which adds 1.5 MB to a program.
package mcp
