package main

import (
	"net/url"

	"fnregistry.dev/fn_registry/check"
)

// The part of SARIF 2.1.0 (OASIS, sarif-v2.1.0-os) that findings need. Files
// are relative to the root that the reader of the log knows as SRCROOT.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		Results    []sarifResult `json:"results"`
		ColumnKind string        `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name  string      `json:"name"`
		Rules []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string       `json:"id"`
		ShortDescription     sarifMessage `json:"shortDescription"`
		FullDescription      sarifMessage `json:"fullDescription"`
		Help                 sarifHelp    `json:"help"`
		DefaultConfiguration struct {
			Level string `json:"level"`
		} `json:"defaultConfiguration"`
	}
	sarifHelp struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Fixes     []sarifFix      `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation struct {
			ArtifactLocation sarifArtifact `json:"artifactLocation"`
			Region           sarifRegion   `json:"region"`
		} `json:"physicalLocation"`
	}
	sarifArtifact struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId"`
	}
	sarifRegion struct {
		StartLine   int  `json:"startLine,omitempty"`
		StartColumn int  `json:"startColumn,omitempty"`
		ByteOffset  *int `json:"byteOffset,omitempty"`
		ByteLength  *int `json:"byteLength,omitempty"`
	}
	sarifFix struct {
		Description     sarifMessage          `json:"description"`
		ArtifactChanges []sarifArtifactChange `json:"artifactChanges"`
	}
	sarifArtifactChange struct {
		ArtifactLocation sarifArtifact      `json:"artifactLocation"`
		Replacements     []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		DeletedRegion   sarifRegion  `json:"deletedRegion"`
		InsertedContent sarifMessage `json:"insertedContent"`
	}
)

// sarifOf makes a log of findings in files below root.
func sarifOf(r report, root string) sarifLog {
	driver := sarifDriver{Name: "frontmatter-lint", Rules: []sarifRule{}}
	index := map[string]int{}
	for i, rule := range rules() {
		index[rule.Name] = i
		sr := sarifRule{
			ID: rule.Name, ShortDescription: sarifMessage{rule.Summary}, FullDescription: sarifMessage{rule.Explanation},
			Help: sarifHelp{Text: rule.Explanation, Markdown: rule.Explanation},
		}
		sr.DefaultConfiguration.Level = string(rule.Severity)
		driver.Rules = append(driver.Rules, sr)
	}
	run := sarifRun{Tool: sarifTool{driver}, Results: []sarifResult{}, ColumnKind: "utf16CodeUnits"}
	places := newColumns(root)
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarifResultOf(f, index[f.Rule], places))
	}
	return sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run},
	}
}

func sarifResultOf(f check.Finding, rule int, places *columns) sarifResult {
	result := sarifResult{RuleID: f.Rule, RuleIndex: rule, Level: string(f.Severity), Message: sarifMessage{f.Message}}
	var at sarifLocation
	at.PhysicalLocation.ArtifactLocation = artifact(f.File)
	at.PhysicalLocation.Region = sarifRegion{StartLine: f.Line, StartColumn: places.utf16(f.File, f.Line, f.Column)}
	result.Locations = []sarifLocation{at}
	if f.Fix == nil || len(f.Fix.Edits) == 0 {
		return result
	}
	change := sarifArtifactChange{ArtifactLocation: artifact(f.Fix.File)}
	for _, e := range f.Fix.Edits {
		length := e.End - e.Start
		change.Replacements = append(change.Replacements, sarifReplacement{
			DeletedRegion: sarifRegion{ByteOffset: &e.Start, ByteLength: &length}, InsertedContent: sarifMessage{e.New},
		})
	}
	result.Fixes = []sarifFix{
		{Description: sarifMessage{f.Fix.Description}, ArtifactChanges: []sarifArtifactChange{change}},
	}
	return result
}

func artifact(file string) sarifArtifact {
	return sarifArtifact{URI: (&url.URL{Path: file}).EscapedPath(), URIBaseID: "SRCROOT"}
}
