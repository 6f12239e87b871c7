package file

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

type watchFolder struct {
	files   []watchedFile // sorted by name
	subs    []string      // names, sorted; without the ignored ones
	watched bool
}

// watchedFile holds what distinguishes two states of a file without reading it.
type watchedFile struct {
	name        string
	size, nanos int64 // nanos: time of the last modification
	id          uint64
	mode        fs.FileMode
	young       bool // modified so shortly before the check that the next change may have the same time
}

func fileOf(name string, info fs.FileInfo) watchedFile {
	const coarsest = 2 * time.Second // coarsest file system time stamps: FAT's
	modified := info.ModTime()
	return watchedFile{
		name: name, size: info.Size(), nanos: modified.UnixNano(), id: fileID(info), mode: info.Mode(),
		young: time.Since(modified).Abs() < coarsest,
	}
}

func (f watchedFile) sameAs(other watchedFile) bool {
	f.young = other.young
	return f == other
}

// differs reports whether a file's content may have changed. A file that was
// young then may have changed even if it looks the same: if the system would
// have reported that, only after lost events, and otherwise once, when it is no
// longer young.
func (w *watch) differs(folder *watchFolder, before, now watchedFile) bool {
	if !now.sameAs(before) {
		return true
	}
	return before.young && (w.distrust || (!folder.watched && !now.young))
}

func compareFile(f watchedFile, name string) int { return strings.Compare(f.name, name) }

func (w *watch) isRoot(path string) bool { return slices.Contains(w.cfg.Roots, path) }

func (w *watch) ignored(name string) bool {
	return slices.ContainsFunc(w.cfg.IgnoreFolders, func(pattern string) bool {
		match, _ := filepath.Match(pattern, name) // withDefaults has checked the patterns
		return match
	})
}

// scan compares folders and everything below them with the known state: first
// all known ones, which finds what was removed, then the new ones (see flush),
// level by level, so that the upper ones get watches first if those run out.
func (w *watch) scan(ctx context.Context, known, fresh []string) {
	for len(known)+len(fresh) > 0 && ctx.Err() == nil {
		if len(known) == 0 {
			known, fresh = fresh, nil
		}
		path := known[0]
		known = known[1:]
		folder := w.folders[path]
		if folder == nil {
			folder = &watchFolder{}
			w.folders[path] = folder
		}
		w.watchFolder(path, folder) // before reading it, or a change in between would be missed
		entries, err := os.ReadDir(path)
		if err != nil {
			w.unreadable(path, err)
			continue
		}
		delete(w.told, path)
		w.compareFiles(path, folder, entries)
		for _, sub := range w.compareSubs(path, folder, entries) {
			if w.folders[sub] != nil {
				known = append(known, sub)
			} else {
				fresh = append(fresh, sub)
			}
		}
	}
}

// watchFolder asks the system to report changes in a folder. Every sweep asks
// again, which costs nothing if the folder is watched, and helps if the system
// stopped watching it.
func (w *watch) watchFolder(path string, folder *watchFolder) {
	if w.notify == nil || (w.limited != nil && !folder.watched) {
		return
	}
	err := w.notify.Add(path)
	w.setWatched(folder, err == nil)
	switch {
	case err == nil && len(w.told) > 0:
		delete(w.told, topicWatch+path)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		w.limited = err
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission): // reading the folder reports these
		w.tellOnce(topicWatch+path, &core.Error{Code: core.CodeUnavailable, Op: "file_watch path=" + path, Err: err})
	}
}

func (w *watch) setWatched(folder *watchFolder, watched bool) {
	if folder.watched == watched {
		return
	}
	folder.watched = watched
	if watched {
		w.watched++
	} else {
		w.watched--
	}
}

// unreadable keeps the known state of a folder that exists but can't be read.
func (w *watch) unreadable(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		w.forget(path)
		if !w.isRoot(path) {
			return
		}
	}
	w.tellOnce(path, &core.Error{Op: "file_watch", Err: err})
}

// compareFiles notes the differences between a folder's known files and its
// current ones.
func (w *watch) compareFiles(path string, folder *watchFolder, entries []fs.DirEntry) {
	old := folder.files
	next := make([]watchedFile, 0, len(old))
	for _, entry := range entries {
		for len(old) > 0 && old[0].name < entry.Name() {
			w.note(filepath.Join(path, old[0].name)) // removed
			old = old[1:]
		}
		known := len(old) > 0 && old[0].name == entry.Name()
		if entry.IsDir() {
			continue // a file known before counts as removed in the next round
		}
		info, err := entry.Info()
		if err != nil {
			continue // removed meanwhile, or unchanged
		}
		file := fileOf(entry.Name(), info)
		if !known || w.differs(folder, old[0], file) {
			w.note(filepath.Join(path, file.name))
		}
		if known {
			old = old[1:]
		}
		next = append(next, file)
	}
	for _, file := range old {
		w.note(filepath.Join(path, file.name))
	}
	w.files += len(next) - len(folder.files)
	folder.files = next
}

// compareSubs forgets the subfolders that were removed and returns the paths of
// the current ones.
func (w *watch) compareSubs(path string, folder *watchFolder, entries []fs.DirEntry) []string {
	var names, paths []string
	for _, entry := range entries {
		if entry.IsDir() && !w.ignored(entry.Name()) {
			names = append(names, entry.Name())
			paths = append(paths, filepath.Join(path, entry.Name()))
		}
	}
	for _, name := range folder.subs {
		if _, there := slices.BinarySearch(names, name); !there {
			w.forget(filepath.Join(path, name))
		}
	}
	folder.subs = names
	return paths
}

// forget notes all files of a folder and of those below it as removed, and
// removes their watches.
func (w *watch) forget(path string) {
	stack := []string{path}
	for len(stack) > 0 {
		path := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		folder := w.folders[path]
		if folder == nil {
			continue
		}
		for _, file := range folder.files {
			w.note(filepath.Join(path, file.name))
		}
		for _, name := range folder.subs {
			stack = append(stack, filepath.Join(path, name))
		}
		if folder.watched {
			_ = w.notify.Remove(path) // the system may have removed it already
		}
		w.setWatched(folder, false)
		w.files -= len(folder.files)
		delete(w.folders, path)
		if len(w.told) > 0 && !w.isRoot(path) { // the loss of a root stays reported until it is back
			delete(w.told, path)
			delete(w.told, topicWatch+path)
		}
	}
}

// forgetIfGone reports whether nothing exists at path any more, and if so notes
// what was there.
func (w *watch) forgetIfGone(path string) bool {
	if w.isRoot(path) {
		return false // scan checks roots
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
		return false
	}
	w.forget(path)
	parent, name := w.folders[filepath.Dir(path)], filepath.Base(path)
	if parent == nil {
		return true
	}
	if i, known := slices.BinarySearch(parent.subs, name); known {
		parent.subs = slices.Delete(parent.subs, i, i+1)
	}
	w.dropFile(parent, path)
	return true
}

func (w *watch) dropFile(parent *watchFolder, path string) {
	if i, known := slices.BinarySearchFunc(parent.files, filepath.Base(path), compareFile); known {
		parent.files = slices.Delete(parent.files, i, i+1)
		w.files--
		w.note(path)
	}
}

type found int

const (
	otherThing found = iota // a file, already handled, or something not watched
	knownFolder
	freshFolder
)

// look checks the file at path, or returns which kind of folder is there, for
// scan. modified means that its content may have changed even if its time has
// not.
func (w *watch) look(path string, modified bool) found {
	if w.isRoot(path) {
		return knownFolder
	}
	parent, name := w.folders[filepath.Dir(path)], filepath.Base(path)
	info, err := os.Lstat(path)
	if parent == nil || err != nil {
		return otherThing
	}
	if info.IsDir() {
		return w.lookAtFolder(parent, path)
	}
	if i, known := slices.BinarySearch(parent.subs, name); known { // a file replaced a folder
		w.forget(path)
		parent.subs = slices.Delete(parent.subs, i, i+1)
	}
	file := fileOf(name, info)
	i, known := slices.BinarySearchFunc(parent.files, name, compareFile)
	switch {
	case !known:
		parent.files = slices.Insert(parent.files, i, file)
		w.files++
		w.note(path)
	case modified || !file.sameAs(parent.files[i]):
		parent.files[i] = file
		w.note(path)
	}
	return otherThing
}

func (w *watch) lookAtFolder(parent *watchFolder, path string) found {
	name := filepath.Base(path)
	w.dropFile(parent, path) // a folder replaced a file
	if w.ignored(name) {
		return otherThing
	}
	if i, known := slices.BinarySearch(parent.subs, name); !known {
		parent.subs = slices.Insert(parent.subs, i, name)
	}
	if w.folders[path] == nil {
		return freshFolder
	}
	return knownFolder
}
