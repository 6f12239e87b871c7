package check

import (
	"fnregistry.dev/fn_registry/catalog"
	"fnregistry.dev/fn_registry/spec"
)

var pipelineRule = &Rule{
	Name: "pipeline", Severity: Error, Summary: "a pipeline is composed of units",
	Explanation: "A pipeline is a function that delegates its work to other units. If its code reaches none, it is a function: write `kind: function`, or compose it of existing units.",
	unit: func(p *pass, u *catalog.Unit) {
		if u.Spec.Kind != spec.KindPipeline || u.Code == nil {
			return
		}
		if d, ok := p.derive(); ok && len(d.UsesFunctions) == 0 {
			p.key("kind", nil, "the pipeline uses no unit")
		}
	},
}
