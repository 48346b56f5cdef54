package invariants

import "time"

// history is a number that changes in the course of time.
type history []point

type point struct {
	at time.Time
	n  int
}

func (h *history) set(at time.Time, n int) {
	if len(*h) == 0 || h.last() != n {
		*h = append(*h, point{at, n})
	}
}

// last returns the number now, 0 if it was never set.
func (h history) last() int {
	if len(h) == 0 {
		return 0
	}
	return h[len(h)-1].n
}

// since returns all that the number was from an instant on, the newest first. What it was before it was first set does not
// count.
func (h history) since(from time.Time) []int {
	var out []int
	for i := len(h) - 1; i >= 0; i-- {
		out = append(out, h[i].n)
		if !h[i].at.After(from) {
			break
		}
	}
	return out
}
