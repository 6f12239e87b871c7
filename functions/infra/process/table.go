//go:build unix

package process

// proc is one process in a snapshot of the process table.
type proc struct {
	pid, ppid      int
	group, session int // IDs; 0 if not known
	// Its start time, in a unit of the table's own; together with pid it
	// identifies one process.
	start   uint64
	zombie  bool // has ended, but its parent has not waited for it
	threads int  // 0 if not known
	stopped bool // by SIGSTOP or similar, with all its threads
	// Some threads are blocked in the kernel, where SIGSTOP does not reach
	// them, and the others are stopped.
	blocked bool
	name    string // of the program, shortened by some systems
}

// procTable provides snapshots.
type procTable interface {
	list() ([]proc, error)
	find(pid int) (p proc, ok bool, err error)
}
