package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// plainArguments treats a null argument as absent, as many agents mean it,
// makes the SDK's errors say null, and adds to them which arguments the tool
// takes.
func plainArguments(takes tools) mcp.Middleware {
	return func(next mcp.MethodHandler) mcp.MethodHandler {
		return withPlainArguments(takes, next)
	}
}

func withPlainArguments(takes tools, next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		var tool string
		if call, ok := req.(*mcp.CallToolRequest); ok {
			tool = call.Params.Name
			call.Params.Arguments = withoutNulls(call.Params.Arguments)
		}
		result, err := next(ctx, method, req)
		if called, ok := result.(*mcp.CallToolResult); err == nil && ok && called.IsError {
			for _, content := range called.Content {
				text, ok := content.(*mcp.TextContent)
				if !ok {
					continue
				}
				text.Text = strings.ReplaceAll(text.Text, "<invalid reflect.Value>", "null")
				if names := takes[tool]; strings.HasPrefix(text.Text, "validating ") && len(names) > 0 {
					text.Text += "\nhint: " + tool + " takes " + strings.Join(names, ", ")
				}
			}
		}
		return result, err
	}
}

// withoutNulls drops the members of an object that are null. Anything else, and
// an object without any, is returned as it is.
func withoutNulls(arguments json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(arguments, &members) != nil {
		return arguments
	}
	given := len(members)
	for name, value := range members {
		if string(value) == "null" {
			delete(members, name)
		}
	}
	if len(members) == given {
		return arguments
	}
	object, err := json.Marshal(members)
	if err != nil {
		return arguments
	}
	return object
}
