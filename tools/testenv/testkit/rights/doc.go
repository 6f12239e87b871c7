// Package rights runs parts of tests with fewer rights than the test's process
// has, or with more: root ignores the permissions of files, and only root may
// mount, so tests of either need another user or a namespace. Only Linux is
// supported; on other systems the package is empty.
package rights
