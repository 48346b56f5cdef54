package example

import "testing"

func TestTwice(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		_, _ = Twice(n)
	}
}
