package proof_test

import (
	"bufio"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"
)

// A ledger is what the reader wrote, line by line, each in one write, so that a
// SIGKILL leaves no half a line:
//
//	D EVENT REDELIVERED BODY   the event came
//	a EVENT EVENT ...          it is about to acknowledge these
//	A                          it has acknowledged them
//	K                          (from the parent) it was killed
//
// Only the messages of the proof stand in it.
type ledger struct {
	first   []string          // events in the order in which they first came
	bodies  map[string]string // by event
	acked   map[string]bool   // certainly
	maybe   map[string]bool   // a kill came between acknowledging and writing that down
	twice   int               // deliveries beyond the first
	unacked int               // of those that came, not acknowledged for certain
	wrong   []string
}

func readLedger(t *testing.T, path string) *ledger {
	t.Helper()
	l := &ledger{bodies: map[string]string{}, acked: map[string]bool{}, maybe: map[string]bool{}}
	file, err := os.Open(path)
	if os.IsNotExist(err) {
		return l
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var under []string
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		kind, rest, _ := strings.Cut(lines.Text(), " ")
		switch kind {
		case "D":
			l.delivered(rest)
		case "a":
			under = strings.Fields(rest)
		case "A":
			for _, event := range under {
				if l.acked[event] {
					l.wrong = append(l.wrong, "acknowledged twice: "+event)
				}
				l.acked[event] = true
				delete(l.maybe, event)
			}
			under = nil
		case "K":
			for _, event := range under {
				l.maybe[event] = true
			}
			under = nil
		default:
			l.wrong = append(l.wrong, "a strange line: "+lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	l.unacked = len(l.bodies) - len(l.acked) - len(l.maybe)
	return l
}

func (l *ledger) delivered(line string) {
	parts := strings.SplitN(line, " ", 3)
	if len(parts) != 3 {
		l.wrong = append(l.wrong, "a strange delivery: "+line)
		return
	}
	event, redelivered, body := parts[0], parts[1], parts[2]
	if _, again := l.bodies[event]; !again {
		l.bodies[event] = body
		l.first = append(l.first, event)
		return
	}
	l.twice++
	delete(l.maybe, event) // it was not acknowledged after all
	if l.acked[event] {
		l.wrong = append(l.wrong, "came again after it was acknowledged: "+line)
	}
	if redelivered != "true" {
		l.wrong = append(l.wrong, "came again without being marked: "+line)
	}
	if body != l.bodies[event] {
		l.wrong = append(l.wrong, fmt.Sprintf("came again with another body than %q: %s", l.bodies[event], line))
	}
}

func appendLine(t *testing.T, path, line string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(line + "\n"); err != nil {
		t.Fatal(err)
	}
}

// unackedEvents yields the messages that came and were certainly not
// acknowledged.
func (l *ledger) unackedEvents() iter.Seq[string] {
	return func(yield func(string) bool) {
		for event, text := range l.bodies {
			if !l.acked[event] && !l.maybe[event] && !yield(event+" "+text) {
				return
			}
		}
	}
}
