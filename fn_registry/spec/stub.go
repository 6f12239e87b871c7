package spec

// TagStub marks a unit that is not written yet, as fn new leaves it.
const TagStub = "stub"
