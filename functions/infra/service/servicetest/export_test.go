package servicetest

import "time"

// SetLimit makes a broken service fail sooner.
func SetLimit(d time.Duration) { limit = d }
