package program

import "fmt"

// ProgramExit is an error by which a command ends with an exit status of its
// own and no message: it has said by itself what there is to say.
// ProgramExit(1) is what grep ends with where nothing is found.
//
// More in program_exit.md:
//   - The status is 0 to 255; the system truncates others.
//   - It is found through wrapping, and the wrapping text is not shown.
type ProgramExit int

// Error returns "exit status N".
func (e ProgramExit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
