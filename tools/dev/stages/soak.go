package main

import (
	"fmt"
	"regexp"
)

// replay matches the proof's output about how to reproduce its faults.
var replay = regexp.MustCompile(`replay with (-seed \d+ -messages \d+)`)

// soak repeats the Matrix proof, on the two homeservers in turn and on a new
// one each time, next to busy loops, until one fails.
func soak(r *runner, cfg config) error {
	defer busy(cfg.busy)()
	homeservers := []struct{ name, server string }{{"Dendrite", "matrix"}, {"Synapse", "matrix=synapse"}}
	for n := range cfg.runs {
		for _, h := range homeservers {
			s := stage{servers: []string{h.server}, args: []string{
				"-count=1", "-timeout=60m", matrixFolder + "/proof", "-args", "-messages", fmt.Sprint(cfg.messages),
			}}
			done := r.run(fmt.Sprintf("proof %d of %d on %s", n+1, cfg.runs, h.name), s.command(r.testenv))
			seed := "no seed was printed"
			if found := replay.FindSubmatch(done.replay); found != nil {
				seed = string(found[1])
			}
			r.say("%s: %s", done.title, seed)
			if !done.ok {
				return nil
			}
		}
	}
	return nil
}
