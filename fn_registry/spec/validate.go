package spec

import (
	"slices"
	"strconv"
	"strings"

	"fnregistry.dev/functions/core"
)

// validate reports invalid values and missing keys. If the kind is absent or
// unknown, only the keys that every kind has are required, since the rest would
// be guesswork.
func (d *Document) validate() {
	known := d.entryValid("kind") && slices.Contains(allKinds, d.Spec.Kind)
	for i := range keys {
		k := &keys[i]
		e := d.entry(k.Name)
		switch {
		case e == nil:
			if known && slices.Contains(k.Required, d.Spec.Kind) || len(k.Required) == len(allKinds) {
				d.problem(RuleMissing, d.fenceStart, k.Name, "the key "+k.Name+" is missing", k.Description)
			}
		case known && !k.Applies(d.Spec.Kind):
			d.problem(RuleUnknown, e.keyStart, k.Name, "a spec of kind "+d.Spec.Kind+" has no "+k.Name, "remove it; it belongs to "+kindsOf(k))
		case e.valid:
			d.validateValue(k, e)
		}
	}
	d.unknownKeys()
	if known {
		d.validateFinished()
	}
	if known && d.Spec.Kind != KindApp {
		d.validateBody()
	}
}

func (d *Document) entryValid(key string) bool {
	e := d.entry(key)
	return e != nil && e.valid
}

func kindsOf(k *Key) string {
	return "kind " + strings.Join(slices.Concat(k.Required, k.Optional), ", ")
}

// unknownKeys reports unknown keys. The suggestions are the keys that the
// document lacks.
func (d *Document) unknownKeys() {
	var lacking []string
	for i := range d.entries {
		e := &d.entries[i]
		if keyIndex(e.key) >= 0 {
			continue
		}
		if lacking == nil {
			lacking = d.lackingKeys()
		}
		p := d.problem(RuleUnknown, e.keyStart, e.key, "unknown key "+quote(e.key), "remove it, or put what it says in the body")
		if p.Suggestion = Suggest(e.key, lacking); p.Suggestion != "" {
			p.Hint = core.DidYouMean(p.Suggestion)
		}
	}
}

func (d *Document) lackingKeys() []string {
	names := make([]string, 0, len(keys))
	for i := range keys {
		if !d.Has(keys[i].Name) {
			names = append(names, keys[i].Name)
		}
	}
	return names
}

func (d *Document) validateValue(k *Key, e *entry) {
	switch v := d.Spec.field(k.Name).(type) {
	case *string:
		switch {
		case *v == "" && !k.Empty:
			d.problem(RuleMissing, e.valueStart, k.Name, k.Name+" is empty", emptyHint(k))
		case len(k.Enum) > 0 && !slices.Contains(k.Enum, *v):
			d.enumProblem(k, e, *v)
		case !k.fits(*v):
			d.problem(k.Rule, e.valueStart, k.Name, k.Name+" "+quote(*v)+" is not valid", k.PatternHint)
		}
	case *[]string:
		d.validateItems(k, e, *v)
	case *[]Param:
		for i, p := range *v {
			repeats := func(q Param) bool { return q.Name == p.Name }
			if p.Name != "" && p.Name != "_" && slices.ContainsFunc((*v)[:i], repeats) {
				d.problem(RuleDuplicate, e.items[i], k.Name, "the parameter "+quote(p.Name)+" appears twice", "keep one of them")
			}
		}
	}
}

func (d *Document) enumProblem(k *Key, e *entry, v string) {
	p := d.problem(RuleEnum, e.valueStart, k.Name, k.Name+" "+quote(v)+" is not one of "+strings.Join(k.Enum, ", "), "")
	p.Suggestion = Suggest(v, k.Enum)
	p.Hint = core.DidYouMean(p.Suggestion)
}

// validateItems checks a list. Long lists use a map, because a spec may have
// any number of items.
func (d *Document) validateItems(k *Key, e *entry, list []string) {
	var seen map[string]bool
	if len(list) > 16 {
		seen = make(map[string]bool, len(list))
	}
	for i, item := range list {
		repeated := seen[item]
		if seen == nil {
			repeated = slices.Contains(list[:i], item)
		} else {
			seen[item] = true
		}
		switch {
		case item == "":
			d.problem(RuleMissing, e.items[i], k.Name, "item "+strconv.Itoa(i+1)+" of "+k.Name+" is empty", "remove it")
		case !k.fits(item):
			d.problem(k.Rule, e.items[i], k.Name, k.Name+": "+quote(item)+" is not valid", k.PatternHint)
		case repeated && !k.Repeats:
			d.problem(RuleDuplicate, e.items[i], k.Name, k.Name+" has "+quote(item)+" twice", "keep one of them")
		}
	}
}
