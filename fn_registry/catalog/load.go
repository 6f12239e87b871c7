package catalog

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fnregistry.dev/fn_registry/spec"
)

// Options says what to load.
type Options struct {
	Roots    []string // folders of repositories; none: the working directory
	Snapshot string   // the snapshot's file; "": no snapshot is read or written
	// Seen, if set, is called with every unit that is read from its file (not
	// for those known from the snapshot) and its document, from several
	// goroutines at once.
	Seen func(*Unit, *spec.Document)
	// Progress, if set, is called now and then while folders are read, from
	// several goroutines.
	Progress func(done, total int)
}

// Change says what a Refresh found.
type Change struct {
	Read    int     // folders that were read
	Lost    int     // folders that were removed or re-read
	Gone    []*Unit // units of folders that were re-read or removed
	Fresh   []*Unit // units of folders that were read
	SaveErr error   // why Load could not write the snapshot; the catalog is complete without it
	moved   bool    // only file stats changed: worth saving, nothing else
}

// None reports whether nothing has changed.
func (ch *Change) None() bool { return ch.Read == 0 && ch.Lost == 0 }

// Load reads the roots, using the snapshot where it is still valid, and writes
// the snapshot if anything changed. A broken snapshot is ignored and replaced.
func Load(ctx context.Context, opts Options) (*Catalog, *Change, error) {
	base, err := Open(opts)
	if err != nil {
		return nil, nil, err
	}
	c, change, err := base.Refresh(ctx, opts)
	if err != nil {
		return nil, nil, err
	}
	if (!change.None() || change.moved) && opts.Snapshot != "" {
		change.SaveErr = c.Save(ctx, opts.Snapshot)
	}
	return c, change, nil
}

// Open returns the content of the snapshot, without reading the roots' files: a
// catalog that may be out of date, or an empty one. Refresh brings it up to
// date.
func Open(opts Options) (*Catalog, error) {
	if len(opts.Roots) == 0 {
		opts.Roots = []string{"."}
	}
	var roots []*Root
	for _, dir := range opts.Roots {
		r, err := OpenRoot(dir)
		if err != nil {
			return nil, err
		}
		roots = append(roots, r)
	}
	if opts.Snapshot != "" {
		if c := readSnapshot(opts.Snapshot, roots); c != nil {
			return c, nil
		}
	}
	return resolve(roots, nil), nil
}

// Refresh walks the roots and reads the folders that are not as they were.
// Nothing changed gives c itself. Readers may use c meanwhile, but Refresh must
// not be called concurrently on one catalog.
func (c *Catalog) Refresh(ctx context.Context, opts Options) (*Catalog, *Change, error) {
	began := time.Now().UnixNano()
	old := make(map[dirKey]*Dir, len(c.Dirs))
	for _, d := range c.Dirs {
		old[dirKey{d.Root, d.Path}] = d
	}
	workers := runtime.GOMAXPROCS(0)
	if len(old) > 0 {
		workers = max(1, workers/2) // queries are answered from c meanwhile
	}
	var roots []*Root
	var jobs []job
	for i, r := range c.Roots {
		root, err := OpenRoot(r.Dir)
		if err != nil {
			return nil, nil, err
		}
		root.before = r.Modules
		lists, err := root.walk(ctx, workers, func(dir string) *Dir { return old[dirKey{i, dir}] })
		if err != nil {
			return nil, nil, err
		}
		roots = append(roots, root)
		for _, l := range lists {
			jobs = append(jobs, job{root: root, index: i, listing: l, old: old[dirKey{i, l.path}]})
		}
	}
	dirs, err := readAll(ctx, jobs, opts)
	if err != nil {
		return nil, nil, err
	}
	for _, r := range roots {
		if err := r.stillThere(); err != nil {
			return nil, nil, err
		}
	}
	change := compare(c.Dirs, dirs)
	for i, d := range dirs {
		change.moved = change.moved || d == jobs[i].old && d.ReadAt >= began
	}
	if change.None() && sameSettings(c.Roots, roots) {
		return c, change, nil
	}
	return resolve(roots, dirs), change, nil
}

type dirKey struct {
	root int
	path string
}

type job struct {
	root    *Root
	index   int
	listing listing
	old     *Dir
}

// readAll processes the jobs.
func readAll(ctx context.Context, jobs []job, opts Options) ([]*Dir, error) {
	dirs := make([]*Dir, len(jobs))
	var done atomic.Int64
	err := inParallel(ctx, runtime.GOMAXPROCS(0), len(jobs), func(i int) {
		dirs[i] = jobs[i].do(opts.Seen)
		if n := int(done.Add(1)); opts.Progress != nil && (n%64 == 0 || n == len(jobs)) {
			opts.Progress(n, len(jobs))
		}
	})
	return dirs, err
}

// inParallel calls do for 0 to n-1, from at most this many goroutines, until
// ctx is done.
func inParallel(ctx context.Context, workers, n int, do func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, workers) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (j job) do(seen func(*Unit, *spec.Document)) *Dir {
	if j.old != nil && j.old.ImportPath == j.root.ImportPath(j.listing.path) && j.old.InUnits == j.root.Config.InUnits(j.listing.path) {
		if d := j.unchanged(); d != nil {
			return d
		}
	}
	return readDir(j.root, j.index, j.listing, j.old, seen)
}

// racy is how long after a file's last change its stat is not trusted to show a
// further one: file systems store times as coarsely as two seconds (FAT), and
// git calls such entries racily clean.
const racy = 2 * time.Second

// unchanged returns the folder unchanged if its files are the same by their
// stats or, if these don't settle it, by their content.
func (j job) unchanged() *Dir {
	d, l := j.old, j.listing
	// An unreadable file may be readable by now: stat doesn't show it.
	unreadable := slices.ContainsFunc(d.Faults, func(f Fault) bool { return f.Rule == "file-read" })
	if len(l.faults) > 0 || unreadable || len(l.files) != len(d.files) {
		return nil
	}
	var doubtful []int
	for i, f := range l.files {
		was := d.files[i]
		if f.Name != was.Name {
			return nil
		}
		if f.Size != was.Size || f.ModTime != was.ModTime || f.ModTime > d.ReadAt-int64(racy) {
			doubtful = append(doubtful, i)
		}
	}
	if len(doubtful) == 0 {
		return d
	}
	now := time.Now().UnixNano()
	for _, i := range doubtful {
		src, err := readLimited(j.root.Path(joinPath(l.path, l.files[i].Name)), l.files[i].Size, maxGoSize+1, nil)
		if err != nil || int64(len(src)) != d.files[i].Size || sum(src) != d.files[i].Hash {
			return nil
		}
	}
	// Only times have changed. They belong to the refreshing goroutine: no
	// reader of a catalog looks at them.
	for i := range l.files {
		d.files[i].ModTime = l.files[i].ModTime
	}
	d.ReadAt = now
	return d
}

func joinPath(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

func compare(old, now []*Dir) *Change {
	kept := make(map[*Dir]bool, len(now))
	for _, d := range now {
		kept[d] = true
	}
	ch := &Change{}
	was := make(map[*Dir]bool, len(old))
	for _, d := range old {
		was[d] = true
		if !kept[d] {
			ch.Lost++
			ch.Gone = append(ch.Gone, d.Units...)
		}
	}
	for _, d := range now {
		if !was[d] {
			ch.Read++
			ch.Fresh = append(ch.Fresh, d.Units...)
		}
	}
	return ch
}

// sameSettings reports whether the settings of the roots are unchanged.
func sameSettings(a, b []*Root) bool {
	for i := range a {
		if fmt.Sprint(a[i].Config, a[i].ConfigErr, a[i].Modules) != fmt.Sprint(b[i].Config, b[i].ConfigErr, b[i].Modules) {
			return false
		}
	}
	return true
}
