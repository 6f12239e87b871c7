package check

var (
	fileReadRule = faults("file-read", "every file can be read",
		"A Go or Markdown file that can't be opened, a link that leads nowhere or in a circle, a pipe or device. Links to folders are not followed. The rest of the folder is checked all the same.")
	fileSizeRule = faults("file-size", "no Go file is too large to be code",
		"Go files over 16 MiB are not read: data belongs into a file that the code embeds.")
	fileSyntaxRule = faults("file-syntax", "every Go file parses",
		"The first place that go/parser stumbles over. Units whose code is in the file are not checked until it parses.")
)

func faults(name, summary, explanation string) *Rule {
	return &Rule{Name: name, Severity: Error, Summary: summary, Explanation: explanation, tree: func(p *pass) {
		for _, d := range p.scope.dirs() {
			for _, f := range d.Faults {
				if f.Rule == name && p.scope.file(f.File) {
					p.at(nil, d.Root, f.File, f.Pos.Line, f.Pos.Column, nil, "%s", f.Message)
				}
			}
		}
	}}
}
