//go:build unix

package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"fnregistry.dev/functions/core"
)

const (
	// How often known processes are checked until they have ended, and all
	// processes for new ones: /proc costs about 10 µs per process.
	lookEvery = 10 * time.Millisecond
	scanEvery = 200 * time.Millisecond

	// How long to wait for killed processes to end. Only the kernel can delay
	// that.
	killWait = 5 * time.Second

	freezeLook = time.Millisecond

	// A tree that is not at rest after both of these is given up: the time
	// bounds an idle machine, the rounds give a busy one some tries.
	freezeWait   = 10 * time.Second
	freezeRounds = 20

	// How long a process has to be blocked in the kernel before it counts as at
	// rest. It stops, without having forked, as soon as the kernel lets it
	// continue: a parent after vfork(2) whose child is stopped, or a dead
	// network disk.
	blockedRest = 100 * time.Millisecond
)

// member is a process of the tree.
type member struct {
	proc
	early   bool // it had ended before we started
	gone    bool
	frozen  bool // SIGSTOP sent since it last ran
	asked   bool // SIGTERM sent
	killed  bool
	denied  bool      // we have no permission to signal it
	blocked time.Time // since when it is blocked in the kernel; zero if it is not
}

// atRest reports whether the member no longer runs any code.
func (m *member) atRest() bool {
	return m.frozen && (m.stopped || !m.blocked.IsZero() && time.Since(m.blocked) >= blockedRest)
}

// handle identifies one process permanently.
type handle struct {
	pid   int
	start uint64
}

// killer follows and ends one tree.
type killer struct {
	table    procTable
	asking   bool          // the members are asked to end before they are continued
	killing  bool          // past the grace: processes found now are killed
	patience time.Duration // freezeWait, except in a test
	members  []*member
	known    map[handle]*member
	// The IDs of groups and sessions that a member leads or led, with the
	// start time of that member.
	led map[int]uint64
}

// findRoot returns the process with this PID, or an error if there is none or
// its identity differs.
func findRoot(pid int, identity string) (proc, error) {
	if err := checkProcess(pid); err != nil {
		return proc{}, err
	}
	root, ok, err := processTable.find(pid)
	if err != nil {
		return proc{}, err
	}
	if !ok || root.zombie {
		return proc{}, &core.Error{Code: core.CodeNotFound, Message: "there is no such process"}
	}
	if identity == "" {
		return root, nil
	}
	now, ok, err := identify(pid)
	if err != nil {
		return proc{}, err
	}
	if !ok || now != identity {
		return proc{}, &core.Error{
			Code:    core.CodeNotFound,
			Message: "the process has ended, its pid belongs to another",
		}
	}
	return root, nil
}

// childRoot returns the entry of a child that has not been waited for: the PID
// is its own, even if it has ended.
func childRoot(pid int) proc {
	root, ok, err := processTable.find(pid)
	if err != nil || !ok {
		return proc{pid: pid, group: pid}
	}
	return root
}

// killTree ends root and everything that belongs to it. root may have ended
// already; then it must have led a group, and the rest of the group is ended.
func killTree(ctx context.Context, root proc, grace time.Duration) ([]ProcessEnded, error) {
	k := newKiller(processTable, root)
	err := k.run(ctx, grace)
	return k.ended(), err
}

func newKiller(table procTable, root proc) *killer {
	k := &killer{table: table, patience: freezeWait, known: make(map[handle]*member), led: make(map[int]uint64)}
	k.add(root)
	return k
}

func (k *killer) add(p proc) {
	m := &member{proc: p, early: p.zombie, gone: p.zombie}
	k.members = append(k.members, m)
	k.known[handle{p.pid, p.start}] = m
	if p.pid == p.group || p.pid == p.session {
		k.led[p.pid] = p.start
	}
}

// run stops the whole tree before it asks it to end, and again before it kills
// it. Otherwise a process could fork, be ended by our signal, and leave a child
// that had the time to call setsid, with nothing leading to it any more. A tree
// that can't be stopped is killed as far as it is known, and is an error.
func (k *killer) run(ctx context.Context, grace time.Duration) error {
	err := k.freeze()
	if err != nil && !errors.Is(err, errRestless) {
		for end := time.Now().Add(killWait); !k.thaw() && time.Now().Before(end); {
			time.Sleep(lookEvery)
		}
		return err
	}
	if err == nil && grace > 0 {
		k.asking = true
		k.each(func(m *member) { k.ask(m) })
		k.thaw() // the SIGTERM is pending, so no process runs before handling it
		if err := k.wait(ctx, grace); err != nil {
			return err
		}
		err = k.freeze()
	}
	k.kill() // also after an error: no process may be left stopped
	if waitErr := k.wait(context.WithoutCancel(ctx), killWait); waitErr != nil {
		return waitErr
	}
	if left := k.remaining(); left != nil {
		return left
	}
	return err
}

// thaw continues descendants before their ancestors. If a parent ended while a
// child's process group is stopped, the kernel would send that group SIGHUP and
// SIGCONT: a program that ends gracefully on SIGTERM would be ended by SIGHUP.
// It reports whether all are continued; if not, it has to be called again.
func (k *killer) thaw() bool {
	all := true
	k.eachUp(func(m *member) {
		if !m.frozen {
			return
		}
		if k.asking && !k.ask(m) || !k.signal(m, syscall.SIGCONT) {
			all = false
			return
		}
		m.frozen, m.stopped, m.blocked = false, false, time.Time{}
	})
	return all
}

// ask sends SIGTERM once.
func (k *killer) ask(m *member) bool {
	m.asked = m.asked || k.signal(m, syscall.SIGTERM)
	return m.asked
}

// kill ends descendants before their ancestors, for the reason given at thaw:
// SIGCONT would continue a stopped child, which could fork.
func (k *killer) kill() {
	k.killing = true
	k.eachUp(func(m *member) {
		if !m.killed {
			m.killed = k.signal(m, syscall.SIGKILL) // if it failed, the next scan retries
		}
	})
}

// scan finds new members and those that have ended.
func (k *killer) scan() error {
	all, err := k.table.list()
	if err != nil {
		return err
	}
	now := make(map[int]proc, len(all))
	for _, p := range all {
		now[p.pid] = p
	}
	for _, m := range k.members {
		p, ok := now[m.pid]
		m.gone = !ok || p.start != m.start || p.zombie
		m.stopped = p.stopped
		if !p.blocked {
			m.blocked = time.Time{}
		} else if m.blocked.IsZero() {
			m.blocked = time.Now()
		}
	}
	// A parent is older than its children, so it is added first.
	slices.SortFunc(
		all,
		func(a, b proc) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid)) },
	)
	for id, start := range k.led {
		if p, ok := now[id]; ok && p.start != start {
			delete(k.led, id) // the ID now belongs to another process and its group
		}
	}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if k.known[handle{p.pid, p.start}] == nil && k.belongs(p, now) {
				if p.pid == os.Getpid() {
					return errSelf
				}
				k.add(p)
				grown = true
			}
		}
	}
	if k.killing {
		k.kill()
	}
	return nil
}

func (k *killer) belongs(p proc, now map[int]proc) bool {
	_, group := k.led[p.group]
	_, session := k.led[p.session]
	return group || session || k.known[handle{p.ppid, now[p.ppid].start}] != nil
}

// each calls f for every member that is alive and may be signalled.
func (k *killer) each(f func(*member)) {
	for _, m := range k.members {
		if !m.gone && !m.denied {
			f(m)
		}
	}
}

// eachUp is each with descendants before their ancestors.
func (k *killer) eachUp(f func(*member)) {
	for _, m := range slices.Backward(k.members) {
		if !m.gone && !m.denied {
			f(m)
		}
	}
}

func (k *killer) alive() int {
	n := 0
	k.each(func(*member) { n++ })
	return n
}

// signal signals the member if its PID is still its own. It opens the process
// before checking that, so on Linux the handle belongs to the process that was
// checked, whatever happens to the PID. It returns false if it could not check,
// for example without a free file descriptor: that is no reason to give up on
// the member.
func (k *killer) signal(m *member, signal syscall.Signal) bool {
	process, err := os.FindProcess(m.pid)
	if err != nil {
		return false
	}
	defer process.Release()
	now, ok, err := k.table.find(m.pid)
	if err != nil {
		return false
	}
	if !ok || now.start != m.start {
		m.gone = true
		return true
	}
	if err := process.Signal(signal); errors.Is(err, syscall.EPERM) {
		m.denied = true
	}
	return true
}

// freeze stops all members and what they start meanwhile, in rounds, until the
// tree is at rest: a process in the middle of a fork completes it before it
// stops, so a scan of the table counts only if all members were at rest before
// it. It returns errRestless if the tree does not come to rest.
func (k *killer) freeze() error {
	began := time.Now()
	for round := 1; ; round++ {
		before := k.atRest()
		if err := k.scan(); err != nil {
			return err
		}
		if before && k.atRest() {
			return nil
		}
		if round > freezeRounds && time.Since(began) > k.patience {
			return errRestless
		}
		k.each(func(m *member) {
			if !m.atRest() {
				m.frozen = k.signal(m, syscall.SIGSTOP) || m.frozen
			}
		})
		time.Sleep(freezeLook)
	}
}

func (k *killer) atRest() bool {
	rest := true
	k.each(func(m *member) { rest = rest && m.atRest() })
	return rest
}

// wait returns when no member is alive, after d, or when ctx is done.
func (k *killer) wait(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	lastScan := time.Now()
	for {
		if !k.killing {
			k.thaw() // those that could not be continued
		}
		k.each(func(m *member) {
			if now, ok, err := k.table.find(m.pid); err == nil {
				m.gone = !ok || now.start != m.start || now.zombie
			}
		})
		if k.alive() == 0 || time.Since(lastScan) >= scanEvery {
			if err := k.scan(); err != nil {
				return err
			}
			if k.alive() == 0 {
				return nil
			}
			lastScan = time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// errRestless reports a tree of which some members may never have been seen.
var errRestless = &core.Error{
	Code: core.CodeTimeout, Message: "the processes could not be stopped; those that were seen were killed, others may be left",
	Hint: "does something start or continue them from outside?",
}

func (k *killer) remaining() error {
	var denied, stuck []proc
	for _, m := range k.members {
		switch {
		case m.gone:
		case m.denied:
			denied = append(denied, m.proc)
		default:
			stuck = append(stuck, m.proc)
		}
	}
	switch {
	case denied != nil:
		return errRemain(core.CodeForbidden, "belong to another user", denied)
	case stuck != nil:
		return errRemain(core.CodeTimeout, "did not end when they were killed", stuck)
	}
	return nil
}

// errRemain reports which processes could not be ended.
func errRemain(code core.Code, why string, remain []proc) error {
	message := fmt.Sprintf("%d processes %s:", len(remain), why)
	for _, p := range remain {
		message += fmt.Sprintf(" %d (%s)", p.pid, p.name)
	}
	return &core.Error{Code: code, Message: message}
}

func (k *killer) ended() []ProcessEnded {
	var all []ProcessEnded
	for _, m := range k.members {
		if m.gone && !m.early {
			all = append(all, ProcessEnded{PID: m.pid, Name: m.name, Killed: m.killed})
		}
	}
	return all
}
