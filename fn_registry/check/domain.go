package check

import (
	"slices"
	"strings"

	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/config"
	"fnregistry.dev/fn_registry/spec"
	"fnregistry.dev/functions/core"
)

var domainRule = &Rule{
	Name: "domain", Severity: Error, Summary: "domains are known, and a unit is in its own",
	Explanation: "`domains` in fn_registry.yaml lists the words that specs may use. A unit whose first folder under a units folder is such a word belongs to that domain. The second part does not apply to programs.",
	unit: func(p *pass, u *catalog.Unit) {
		cfg := p.catalog.Roots[u.Dir.Root].Config
		if len(cfg.Domains) == 0 || p.reported("domain") {
			return
		}
		if !slices.Contains(cfg.Domains, u.Spec.Domain) {
			hint := "; the domains are " + strings.Join(cfg.Domains, ", ")
			if near := spec.Suggest(u.Spec.Domain, cfg.Domains); near != "" {
				hint = "; " + core.DidYouMean(near)
			}
			p.key("domain", nil, "domain %s is not in %s%s", u.Spec.Domain, config.FileName, hint)
			return
		}
		if domain := cfg.DomainOf(u.Dir.Path); domain != "" && domain != u.Spec.Domain && !u.IsApp() {
			p.key("domain", nil, "domain is %s, and the unit lies in a folder of domain %s", u.Spec.Domain, domain)
		}
	},
}
