//go:build unix

package process

// proc is one process in a snapshot of the process table.
type proc struct {
	pid, ppid      int
	group, session int // IDs; 0 if not known
	// When it started, in a unit of the table's own; together with pid it
	// names one process.
	start   uint64
	zombie  bool // has ended, its parent has not asked for the result yet
	threads int  // 0 if not known
	stopped bool // by SIGSTOP or similar, with all its threads
	// Some threads wait in the kernel, deaf to SIGSTOP, and the others are
	// stopped.
	blocked bool
	name    string // of the program, shortened by some systems
}

// procTable is where a snapshot comes from.
type procTable interface {
	list() ([]proc, error)
	find(pid int) (p proc, ok bool, err error)
}
