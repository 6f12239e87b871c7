package revision

import (
	"context"
	"strconv"
	"strings"
	"time"
)

// Version is a version of a spec, and the commit that brought it.
type Version struct {
	Version string
	Commit  string // hash, shortened
	Time    time.Time
	Subject string // of the commit
}

// History lists the versions that a spec has had, newest first, as the lines
// "version: ..." that commits added to it say. The file is given from dir, with
// slashes; it is followed through renames. A file that git does not know has
// none.
func History(ctx context.Context, dir, file string, most int) ([]Version, error) {
	out, err := output(ctx, dir, "log", "--follow", "--format=%x00%h%x00%aI%x00%s", "-G^version:", "-p", "--unified=0",
		"--no-color", "--no-ext-diff", "--no-textconv", "--max-count="+strconv.Itoa(most), "--", "./"+file)
	if err != nil {
		return nil, err
	}
	return parseLog(string(out)), nil
}

// parseLog parses commits, each a NUL, its fields separated by NULs, and a
// diff.
func parseLog(log string) []Version {
	var versions []Version
	fields := strings.Split(log, "\x00")
	for at := 1; at+2 < len(fields); at += 3 {
		subject, diff, _ := strings.Cut(fields[at+2], "\n")
		when, err := time.Parse(time.RFC3339, fields[at+1])
		if err != nil {
			continue
		}
		for line := range strings.Lines(diff) {
			if text, ok := strings.CutPrefix(line, "+version:"); ok {
				versions = append(
					versions,
					Version{strings.Trim(strings.TrimSpace(text), `"'`), fields[at], when, subject},
				)
				break
			}
		}
	}
	return versions
}
