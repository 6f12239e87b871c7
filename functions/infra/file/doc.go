// Package file writes files so that a reader or a power cut never meets half of one, and watches folders for changes.
package file
