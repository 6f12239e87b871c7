package registry

import (
	"fnregistry.dev/fn_registry/catalog"
)

// Item is a unit in a list. Its lists are never nil.
type Item struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	Lang        string   `json:"lang"`
	Domain      string   `json:"domain"`
	Version     string   `json:"version"`
	Purity      string   `json:"purity"`
	Signature   string   `json:"signature"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	FilePath    string   `json:"file_path"`
	Score       float64  `json:"score"`   // see search.Hit; 0 in lists that are not ranked
	Matched     []string `json:"matched"` // where the words were found: name, tags, description, params, body; signature
	Why         []string `json:"why"`     // how it matches each word: "subprocess as process (synonym) in name, tags"
	Users       int      `json:"users"`   // units that use it directly, and programs that include it
}

func (s *State) item(u *catalog.Unit) Item {
	sp := &u.Spec
	return Item{
		ID: u.ID, Name: sp.Name, Kind: sp.Kind, Lang: sp.Lang, Domain: sp.Domain, Version: sp.Version, Purity: sp.Purity,
		Signature: signatureOf(u), Description: sp.Description, Tags: list(sp.Tags), FilePath: filePath(s.Catalog, u),
		Matched: []string{}, Why: []string{}, Users: s.users[u],
	}
}

// signatureOf returns the spec's signature, or else the code's.
func signatureOf(u *catalog.Unit) string {
	if u.Spec.Signature == "" && u.Code != nil {
		return u.Code.Signature
	}
	return u.Spec.Signature
}

func filePath(c *catalog.Catalog, u *catalog.Unit) string {
	switch {
	case u.Code != nil:
		return u.Code.File
	case u.Spec.FilePath == "" && u.IsApp():
		d, _ := c.Derive(u)
		return d.FilePath
	}
	return u.Spec.FilePath
}

// list returns the list for JSON, with [] instead of null.
func list[T any](of []T) []T {
	if of == nil {
		return []T{}
	}
	return of
}
