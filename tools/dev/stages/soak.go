package main

import (
	"fmt"
	"regexp"
)

// replay matches the proof's output about how to reproduce its faults.
var replay = regexp.MustCompile(`replay with (-seed \d+ -messages \d+)`)

// soak kills sqlite_api many times, and then repeats the Matrix proof, on the
// two homeservers in turn and on a new one each time, next to busy loops, until
// one fails.
func soak(r *runner, cfg config) error {
	defer busy(cfg.busy)()
	kill := stage{args: []string{
		"-count=1", "-timeout=120m", "-run=^TestKill$", "fnregistry.dev/apps/sqlite_api/proof", "-args", "-kills", fmt.Sprint(cfg.kills),
	}}
	if done := r.run(fmt.Sprintf("sqlite_api is killed %d times for each driver and journal mode", cfg.kills), kill.command("")); !done.ok {
		return nil
	}
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
