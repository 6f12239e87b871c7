package tokenfile

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"fnregistry.dev/functions/core"
	"fnregistry.dev/functions/infra/token"
)

// content is what is encrypted: JSON, so that a person can read it with `age
// --decrypt`. Values are base64, because they may be any bytes.
type content struct {
	Version int     `json:"version"`
	Tokens  []entry `json:"tokens"`
}

type entry struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

const contentVersion = 1

// maxContent bounds the memory of a Get, and so the size that a Set may create.
// See FileTokenStore.
const maxContent = 32 << 20

func formatContent(tokens map[string]string) ([]byte, error) {
	list := make([]entry, 0, len(tokens))
	for _, name := range slices.Sorted(maps.Keys(tokens)) {
		list = append(list, entry{name, []byte(tokens[name])})
	}
	plain, err := json.Marshal(content{contentVersion, list})
	if err != nil {
		return nil, err // impossible: names are UTF-8
	}
	if len(plain) > maxContent {
		return nil, &core.Error{
			Code:    core.CodeTooLarge,
			Message: "all names and values together would have more than 32 MiB",
		}
	}
	return plain, nil
}

// parseContent parses what formatContent wrote. Its errors quote nothing: every
// byte may be part of a secret.
func parseContent(plain []byte) (map[string]string, error) {
	damaged := func(what string) error {
		return &core.Error{Code: core.CodeInternal, Message: "what was decrypted " + what,
			Hint: "it is left unchanged; Path may name a file of another program"}
	}
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(plain, &version); err != nil {
		return nil, damaged("is not a token file")
	}
	if version.Version != contentVersion {
		return nil, &core.Error{Code: core.CodeUnsupported, Message: "the file has a version that this program does not know",
			Hint: "it was written by a newer program, or is not a token store's; it is left unchanged"}
	}
	var c content
	if err := strictJSON(plain, &c); err != nil {
		return nil, damaged("is not a token file of version 1")
	}
	tokens := make(map[string]string, len(c.Tokens))
	for _, e := range c.Tokens {
		if _, twice := tokens[e.Name]; twice || token.TokenNameCheck(e.Name) != nil || len(e.Value) == 0 {
			return nil, damaged("has a bad name, the same name twice, or an empty value")
		}
		tokens[e.Name] = string(e.Value)
	}
	return tokens, nil
}

func strictJSON(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into) // no data can follow: Unmarshal has read the whole text before
}
