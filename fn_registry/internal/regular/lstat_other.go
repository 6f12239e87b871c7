//go:build !linux

package regular

import "os"

// Lstat is os.Lstat.
func Lstat(file string) (Stat, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return Stat{}, err
	}
	return Stat{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Type: info.Mode().Type()}, nil
}
