package world

import "syscall"

// removeSegment frees a System V shared memory segment; see shmctl(2).
func removeSegment(id int) {
	const ipcRMID = 0
	_, _, _ = syscall.RawSyscall(syscall.SYS_SHMCTL, uintptr(id), ipcRMID, 0)
}
