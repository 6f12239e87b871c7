package process

import (
	"strconv"

	"fnregistry.dev/functions/core"
)

// ProcessIdentity returns a text that names the process which has this PID now,
// so that a later call can tell whether the PID still belongs to it: no other
// process, also none after a reboot, has the same PID and the same identity. On
// Linux it is the boot's ID and the start time in clock ticks (1/100 s),
// elsewhere the start time (a second on other Unix systems, 100 ns on Windows).
// It has no other meaning; compare it for equality.
//
// Errors are *core.Error: CodeInvalid for a PID that is not positive,
// CodeNotFound if there is no such process or it is a zombie, CodeUnsupported
// where the system can't tell.
//
// More in process_identity.md:
//   - Comparing and then signaling by PID is racy: the PID may be reused in
//     between. process_kill_tree_go_infra avoids that on Linux with a pidfd.
//   - An exec keeps the identity: it is the process that has one, not the
//     program.
func ProcessIdentity(pid int) (string, error) {
	op := "process_identity pid=" + strconv.Itoa(pid)
	if pid <= 0 {
		return "", &core.Error{Code: core.CodeInvalid, Op: op, Message: "a pid is positive"}
	}
	id, ok, err := identify(pid)
	switch {
	case err != nil:
		return "", &core.Error{Op: op, Err: err}
	case !ok:
		return "", &core.Error{Code: core.CodeNotFound, Op: op, Message: "there is no such process"}
	}
	return id, nil
}
