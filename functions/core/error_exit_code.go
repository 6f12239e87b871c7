package core

// Exit codes of sysexits.h (4.3BSD; sysexits(3) of FreeBSD and the header of
// glibc have the same numbers).
const (
	exUsage       = 64 // EX_USAGE: the command was used wrongly
	exDataErr     = 65 // EX_DATAERR: the input data is incorrect
	exNoInput     = 66 // EX_NOINPUT: the input does not exist
	exUnavailable = 69 // EX_UNAVAILABLE: a service is unavailable
	exSoftware    = 70 // EX_SOFTWARE: an internal error
	exCantCreate  = 73 // EX_CANTCREAT: the output can't be created
	exTempFail    = 75 // EX_TEMPFAIL: try again later
	exNoPerm      = 77 // EX_NOPERM: not allowed
	exConfig      = 78 // EX_CONFIG: configuration error

	// A shell reports 128+2 for a process that SIGINT terminated. sysexits.h
	// has no number for it.
	exInterrupted = 130
)

// ErrorExitCode returns the exit code for a program that ends with err, by the
// numbers of sysexits.h: 0 for nil, 70 (EX_SOFTWARE) for a code it doesn't
// know. A cancelled program gives 130, as a shell reports SIGINT.
//
// More in error_exit_code.md:
//   - Not for tools with their own exit codes (a linter's 0, 1, 2).
//   - os.Exit runs no deferred calls: let Run return first.
func ErrorExitCode(err error) int {
	switch ErrorCode(err) {
	case "":
		return 0
	case CodeInvalid:
		return exUsage
	case CodeUnauthenticated, CodeForbidden:
		return exNoPerm
	case CodeNotFound:
		return exNoInput
	case CodeConflict:
		return exCantCreate
	case CodeTooLarge:
		return exDataErr
	case CodeLimited, CodeTimeout:
		return exTempFail
	case CodeCanceled:
		return exInterrupted
	case CodeUnavailable:
		return exUnavailable
	case CodeUnsupported:
		return exConfig
	default:
		return exSoftware
	}
}
