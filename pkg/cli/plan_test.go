package cli

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestSizeOf(t *testing.T) {
	for want, spec := range map[string]vsphere.VMSpec{
		"1 CPU, 1024 MiB":                  {CPU: 1, MemoryMiB: 1024},
		"2 CPUs, 1024 MiB, 20 GiB of disk": {CPU: 2, MemoryMiB: 1024, DiskGiB: 20},
		"1 CPU, 2048 MiB, linked":          {CPU: 1, MemoryMiB: 2048, Linked: true},
	} {
		if got := sizeOf(spec); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
