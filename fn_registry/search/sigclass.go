package search

// typeClass is how much a type says about a function: hardly anything, little,
// or much.
type typeClass uint8

const (
	classOther typeClass = iota
	classContext
	classError
	classBasic // predeclared types, any, type parameters, and composites of these
	classVariadic
)

// weight is how much a type counts when two shapes are compared.
func (c typeClass) weight() float64 {
	switch c {
	case classContext, classError:
		return 0.15
	case classBasic:
		return 0.45
	}
	return 1
}

// evidence is how significant it is that two shapes share the type: functions
// of strings are many and do many things.
func (c typeClass) evidence() float64 {
	switch c {
	case classContext, classError:
		return 0.05
	case classBasic:
		return 0.2
	}
	return 1
}

// classify reads an encoded, valid type.
func classify(encoded []byte) typeClass {
	t, err := decodeType(encoded)
	if err != nil {
		return classOther
	}
	return t.class()
}

func (t *typ) class() typeClass {
	switch t.kind {
	case kindAny, kindVar, kindHole:
		return classBasic
	case kindVariadic:
		return classVariadic
	case kindSlice, kindArray, kindPointer, kindMap, kindChan:
		for _, e := range t.elems {
			if e.class() != classBasic {
				return classOther
			}
		}
		return classBasic
	case kindNamed:
		switch {
		case t.pkg == "context" && t.name == "Context":
			return classContext
		case t.pkg == "" && t.name == "error":
			return classError
		case t.pkg == "" && predeclared[t.name]:
			return classBasic
		}
	}
	return classOther
}
