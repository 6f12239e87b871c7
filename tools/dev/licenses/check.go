package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licenses, by SPDX identifier, under which a module may be
// used without further review: permissive ones, public domain dedications, and
// the MPL, whose copyleft is limited to its own files.
var allowed = []string{
	"0BSD", "Apache-2.0", "BlueOak-1.0.0", "BSD-2-Clause", "BSD-2-Clause-FreeBSD", "BSD-2-Clause-NetBSD",
	"BSD-2-Clause-Views", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MPL-2.0",
	"PostgreSQL", "Unlicense", "Zlib",
}

// forbidden are prefixes of licenses without exceptions. The LGPL is not among
// them: whether it may be used depends on how.
var forbidden = []string{"AGPL", "GPL", "SSPL", "BUSL", "CC-BY-NC", "Commons-Clause"}

// enough is the minimum percentage of a text's words that must belong to known
// licenses. It is pkg.go.dev's threshold; the rest is names of copyright
// holders and headings.
const enough = 75

// check returns a line for every license text that is not allowed, for every
// module without one, and for every unnecessary exception.
func check(modules []*module, exceptions []exception) ([]string, error) {
	var findings []string
	used := make(map[exception]bool)
	for _, m := range modules {
		files, err := licenseFiles(m)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			files = []string{noFile}
		}
		for _, file := range files {
			v, err := judge(m, file)
			if err != nil {
				return nil, err
			}
			if v.problem == "" {
				continue
			}
			if e, ok := excepted(m, file, v.mark, exceptions); ok && !v.forbidden {
				used[e] = true
				continue
			}
			findings = append(findings, explain(m, file, v))
		}
	}
	for _, e := range exceptions {
		if !used[e] {
			findings = append(findings, fmt.Sprintf("%s: the exception for %s %s is not needed\n  hint: remove its line", exceptionsFile, e.module, e.file))
		}
	}
	return findings, nil
}

// explain describes what is wrong with a file and what to do about it.
func explain(m *module, file string, v verdict) string {
	where := m.name()
	if file != noFile {
		where += " " + file
	}
	text := fmt.Sprintf("%s: %s (needed by %s)\n  hint: take another module", where, v.problem, m.neededBy)
	if v.forbidden {
		return text + "; there are no exceptions for this license"
	}
	return text + fmt.Sprintf(", or read %s and, if it may be used, add this line to %s with the reason:\n  %s %s %s REASON",
		filepath.Join(m.root, strings.TrimPrefix(file, noFile)), exceptionsFile, m.path, file, v.mark)
}

// verdict is the assessment of a license file.
type verdict struct {
	problem   string // "" if there is none
	forbidden bool   // no exception helps

	// mark is what an exception for the file needs: a hash of the text, so that
	// a changed text is reviewed again, or the version of a module that has no
	// file.
	mark string
}

// judge assesses a license file of the module.
func judge(m *module, file string) (verdict, error) {
	if file == noFile {
		return verdict{problem: "there is no license file", mark: m.version}, nil
	}
	text, err := os.ReadFile(filepath.Join(m.root, file))
	if err != nil {
		return verdict{}, err
	}
	sum := sha256.Sum256(text)
	v := verdict{mark: hex.EncodeToString(sum[:6])}
	coverage := licensecheck.Scan(text)
	var not []string
	for _, match := range coverage.Match {
		if !slices.Contains(allowed, match.ID) && !slices.Contains(not, match.ID) {
			not = append(not, match.ID)
		}
	}
	v.forbidden = slices.ContainsFunc(not, isForbidden)
	switch {
	case v.forbidden:
		v.problem = strings.Join(not, ", ") + " is forbidden"
	case len(not) > 0:
		v.problem = strings.Join(not, ", ") + " is not on the list of allowed licenses"
	case coverage.Percent < enough:
		v.problem = fmt.Sprintf(
			"the license is unknown: %.0f %% of the text are words of known licenses",
			coverage.Percent,
		)
	default:
		if more := beyond(text, coverage.Match); more != "" {
			v.problem = fmt.Sprintf("the text contains more than known licenses: %.200q", more)
		}
	}
	return v, nil
}

// mostBeyond is how many consecutive words may be outside of the licenses: a
// heading has fewer, and a condition more ("The Software shall be used for
// Good, not Evil").
const mostBeyond = 8

// holder matches a line that names a copyright holder.
var holder = regexp.MustCompile(`(?i)^\W*((portions |parts )?(are )?copyright|\(c\)|©|all rights reserved|authors?:)`)

// word matches a word.
var word = regexp.MustCompile(`[\pL\pN]+`)

// beyond returns the first part of a text that does not belong to a license and
// may be a condition of its own: a license with a sentence added is mostly
// known.
func beyond(text []byte, licenses []licensecheck.Match) string {
	at := 0
	for _, match := range append(licenses, licensecheck.Match{Start: len(text), End: len(text)}) {
		var lines []string
		for line := range strings.Lines(string(text[min(at, match.Start):match.Start])) {
			if !holder.MatchString(line) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		rest := strings.TrimSpace(strings.Join(lines, " "))
		if len(word.FindAllString(rest, -1)) > mostBeyond {
			return rest
		}
		at = max(at, match.End)
	}
	return ""
}

func isForbidden(license string) bool {
	return slices.ContainsFunc(forbidden, func(prefix string) bool { return strings.HasPrefix(license, prefix) })
}

// licenseFiles returns the license files of a module, as paths below its root,
// that apply to the linked packages: those in the packages' folders and in all
// folders above. LICENSES is REUSE's name for a folder of them.
func licenseFiles(m *module) ([]string, error) {
	dirs := map[string]bool{m.root: true, filepath.Join(m.root, "LICENSES"): true}
	for dir := range m.dirs {
		for ; dir != m.root && strings.HasPrefix(dir, m.root); dir = filepath.Dir(dir) {
			dirs[dir] = true
		}
	}
	var files []string
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		entries, err := os.ReadDir(dir)
		if os.IsNotExist(err) && filepath.Base(dir) == "LICENSES" {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.Type().IsRegular() && (isLicense(entry.Name()) || filepath.Base(dir) == "LICENSES") {
				file, err := filepath.Rel(m.root, filepath.Join(dir, entry.Name()))
				if err != nil {
					return nil, err
				}
				files = append(files, filepath.ToSlash(file))
			}
		}
	}
	return files, nil
}

// isLicense reports whether a file with this name holds a license text.
func isLicense(name string) bool {
	name = strings.ToLower(name)
	switch filepath.Ext(name) {
	case ".go", ".s", ".c", ".h", ".sh", ".py", ".js", ".ts", ".tmpl", ".json", ".yaml", ".yml", ".toml":
		return false
	}
	return strings.Contains(name, "license") || strings.Contains(name, "licence") || strings.HasPrefix(name, "copying")
}
