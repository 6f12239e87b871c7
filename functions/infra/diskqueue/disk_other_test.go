//go:build unix && !linux && !aix && !solaris

package diskqueue_test

import "testing"

func smallDisk(t *testing.T) string {
	t.Skip("SKIPPED: a full disk is only made on Linux")
	return ""
}
