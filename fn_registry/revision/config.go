package revision

import (
	"fmt"
	"os"
	"strconv"
)

// setting is a line of git's configuration.
type setting struct{ name, value string }

// careful is for each run of git. A checkout's own configuration can name
// programs, and one that came with an archive, or a bare repository among the
// files of another, is not its reader's: no monitor, hook or signature check of
// it is run.
var careful = []setting{
	{"core.fsmonitor", "false"},
	{"core.hooksPath", os.DevNull},
	{"log.showSignature", "false"},
	{"safe.bareRepository", "explicit"},
}

// environment is this process's with settings, which take precedence over those
// of the checkout. A name may have any characters, which one after -c may not.
func environment(config []setting) []string {
	const counter = "GIT_CONFIG_COUNT"
	first, err := strconv.Atoi(os.Getenv(counter))
	if err != nil {
		first = 0
	}
	env := os.Environ()
	for i, s := range config {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", first+i, s.name), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", first+i, s.value))
	}
	return append(env, counter+"="+strconv.Itoa(first+len(config)))
}
