package main

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// plainArguments takes an argument that is null for one that is not given, as
// many agents mean it, and has the SDK's errors call a null by its name.
func plainArguments(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if call, ok := req.(*mcp.CallToolRequest); ok {
			call.Params.Arguments = withoutNulls(call.Params.Arguments)
		}
		result, err := next(ctx, method, req)
		if called, ok := result.(*mcp.CallToolResult); err == nil && ok && called.IsError {
			for _, content := range called.Content {
				if text, ok := content.(*mcp.TextContent); ok {
					text.Text = strings.ReplaceAll(text.Text, "<invalid reflect.Value>", "null")
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
