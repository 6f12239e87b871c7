package size

import (
	"context"
	"encoding/json"
	"fmt"
	"go/types"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"fnregistry.dev/fn_registry/size/ledger"
)

// all lists, compiles and links what the jobs need.
func (r *run) all(ctx context.Context) error {
	if err := r.chooseCgo(ctx); err != nil {
		return err
	}
	if err := r.compile(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, r.slots()))
	for _, j := range r.jobs {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if j.Err == nil {
				j.Err = r.build(ctx, j)
			}
			r.mu.Lock()
			r.done++
			r.mu.Unlock()
			r.tell("building")
		})
	}
	wg.Wait()
	return ctx.Err()
}

func (r *run) slots() int {
	if r.Slots > 0 {
		return r.Slots
	}
	return min(4, runtime.GOMAXPROCS(0))
}

// places sorts the jobs by the place where they are built.
func (r *run) places() map[place][]*job {
	at := map[place][]*job{}
	for _, j := range r.jobs {
		if j.Err == nil {
			at[j.at] = append(at[j.at], j)
		}
	}
	return at
}

// packages returns the imports of a job's program: the base's, and the units'.
func (j *job) packages() []string {
	all := packagesOf(j.added())
	switch {
	case j.base.App != nil:
		all = append(all, j.base.App.Dir.ImportPath)
	case j.base.Name == Server.Name:
		all = append(all, "encoding/json", "log/slog", "net/http", "os")
	}
	return append(all, "runtime", "unsafe")
}

func packagesOfJobs(jobs []*job) []string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.packages()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// chooseCgo determines which programs link C code.
func (r *run) chooseCgo(ctx context.Context) error {
	for at, jobs := range r.places() {
		at.cgo = true
		l, err := list(ctx, at, false, packagesOfJobs(jobs))
		if err != nil {
			return err
		}
		for _, j := range jobs {
			j.Cgo = l.needsCgo(j.packages())
			j.at.cgo = j.Cgo
		}
	}
	return nil
}

// compile compiles all packages and writes the probes' files.
func (r *run) compile(ctx context.Context) error {
	for at, jobs := range r.places() {
		r.tell("compiling")
		l, err := list(ctx, at, true, packagesOfJobs(jobs))
		if err != nil {
			return err
		}
		types := importerOf(l)
		for _, j := range jobs {
			j.parts = l
			j.Err = j.write(types)
		}
	}
	return nil
}

// write writes the probe's source.
func (j *job) write(types types.Importer) error {
	for _, path := range j.packages() {
		if err := j.parts.problem(path); err != nil {
			return err
		}
	}
	p := newProbe(types)
	for _, u := range j.added() {
		if err := p.add(u); err != nil {
			return err
		}
	}
	if len(p.keeps) > 0 {
		j.source = p.source()
	}
	return nil
}

// build determines a job's size: from the ledger if the same program was built
// before, otherwise by building it.
func (r *run) build(ctx context.Context, j *job) error {
	key := j.key(r.version)
	var err error
	if j.Whole, j.Kept = r.Ledger.Get(key); !j.Kept {
		j.Whole, err = r.link(ctx, j)
	}
	if err == nil {
		_ = r.Ledger.Put(key, j.Whole) // best effort; stored again so that Trim keeps it
	}
	return err
}

// key identifies everything that the binary is made of: the go command's build
// ID of a package covers what it is compiled from.
func (j *job) key(version string) string {
	var parts []string
	j.parts.walk(j.packages(), func(p *goPackage, _ map[string]string) bool {
		parts = append(parts, p.ImportPath+" "+p.BuildID)
		return true
	})
	slices.Sort(parts)
	return ledger.Key(append([]string{"build", version, linkFlags, j.base.source, j.source, fmt.Sprint(j.Cgo)}, parts...)...)
}

// link builds the program in a folder of its own and returns its size. The
// probe's files are overlaid onto the repository.
func (r *run) link(ctx context.Context, j *job) (int64, error) {
	dir, err := os.MkdirTemp(r.tmp, "build")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	files := map[string]string{}
	for name, text := range map[string]string{"main.go": j.base.source, probeFolder + ".go": j.source} {
		if text == "" {
			continue
		}
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return 0, err
		}
		files[filepath.Join(j.probe, name)] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": files})
	if err != nil {
		return 0, err
	}
	overlay, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "program")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return 0, err
	}
	pkg, err := filepath.Rel(j.at.dir, j.probe)
	if err != nil {
		return 0, err
	}
	args := append([]string{"build", "-buildvcs=false", linkFlags, "-overlay=" + overlay, "-o", binary}, j.at.buildFlags()...)
	if _, err := goCommand(ctx, j.at.dir, j.at.env(), append(args, "./"+filepath.ToSlash(pkg))...); err != nil {
		return 0, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
