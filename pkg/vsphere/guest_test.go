package vsphere

import "testing"

func TestWhatSaysReady(t *testing.T) {
	for value, want := range map[string]bool{
		"true": true, "TRUE": true, " True\r\n": true,
		"": false, " ": false, "false": false, "1": false, "yes": false, "true.": false, "not true": false,
	} {
		if got := SaysReady(value); got != want {
			t.Errorf("%q: %t", value, got)
		}
	}
}
