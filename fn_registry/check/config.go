package check

import (
	"os"
	"regexp"
	"strconv"
	"strings"

	"fnregistry.dev/fn_registry/config"
)

var configRule = &Rule{
	Name: "config", Severity: Error, Summary: "fn_registry.yaml can be used",
	Explanation: "The file that says where units live and which packages may import which. While it is invalid none of it applies, so rules that depend on it report less than they should.",
	tree: func(p *pass) {
		for i, r := range p.catalog.Roots {
			if r.ConfigErr == nil {
				for _, dir := range r.Config.Units {
					if info, err := os.Stat(r.Path(dir)); err != nil || !info.IsDir() {
						p.at(nil, i, config.FileName, 1, 1, nil, "units: no such folder: %s", dir)
					}
				}
				continue
			}
			line := 1
			if m := yamlLine.FindStringSubmatch(r.ConfigErr.Error()); m != nil {
				line, _ = strconv.Atoi(m[1])
			}
			p.at(nil, i, config.FileName, line, 1, nil, "%s", strings.Join(strings.Fields(r.ConfigErr.Error()), " "))
		}
	},
}

var yamlLine = regexp.MustCompile(`line (\d+)`)
