package operations_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

func requests(kind vsphere.OperationKind, vms ...vsphere.Ref) []vsphere.Request {
	var out []vsphere.Request
	for _, vm := range vms {
		out = append(out, vsphere.Request{Kind: kind, VM: vm})
	}
	return out
}

// TestEachBatch: the batches come in order, do not keep each other back, and each says how it has failed.
func TestEachBatch(t *testing.T) {
	transient, away := failure(vsphere.ClassTransient), failure(vsphere.ClassUnavailable)
	all := slices.Concat(requests("PowerOn", "vm-1", "vm-2"), requests("Unheard", "vm-3"), requests("Destroy", "vm-4"))
	for name, tt := range map[string]struct {
		fails   map[vsphere.OperationKind]error
		started []string
		classes []vsphere.Class
	}{
		"a kind without a row": {nil, []string{"power on 2", "destroy 1"}, []vsphere.Class{vsphere.ClassInvalid}},
		"one has failed": {map[vsphere.OperationKind]error{"PowerOn": transient},
			[]string{"power on 2", "destroy 1"}, []vsphere.Class{vsphere.ClassTransient, vsphere.ClassInvalid}},
		"no budget": {map[vsphere.OperationKind]error{"PowerOn": vsphere.ErrNoBudget},
			[]string{"power on 2", "destroy 1"}, []vsphere.Class{vsphere.ClassConflict, vsphere.ClassInvalid}},
		"vCenter is away": {map[vsphere.OperationKind]error{"PowerOn": away},
			[]string{"power on 2"}, []vsphere.Class{vsphere.ClassUnavailable}},
	} {
		t.Run(name, func(t *testing.T) {
			var started []string
			err := operations.EachBatch(all, func(kind vsphere.KindInfo, batch []vsphere.Request) error {
				started = append(started, kind.Verb+" "+string('0'+rune(len(batch))))
				return tt.fails[kind.Kind]
			})
			var classes []vsphere.Class
			for _, err := range vsphere.Errors(err) {
				classes = append(classes, vsphere.ClassOf(err))
			}
			if !slices.Equal(started, tt.started) || !slices.Equal(classes, tt.classes) {
				t.Errorf("started %q and failed with %q, want %q and %q", started, classes, tt.started, tt.classes)
			}
		})
	}
	if err := operations.EachBatch(nil, nil); err != nil || vsphere.Errors(err) != nil {
		t.Errorf("nothing is asked for, and it fails: %v", err)
	}
}

// TestEach: the numbers are those of its rules.
func TestEach(t *testing.T) {
	clones := []vsphere.Request{{Kind: "Clone", Name: "a-0"}, {Kind: "Clone", Name: "a-1"}}
	power := requests("PowerOn", "vm-1", "vm-2")
	for name, tt := range map[string]struct {
		batch   []vsphere.Request
		err     error
		started int
	}{
		"1: vCenter is away":               {power, failure(vsphere.ClassUnavailable), 1},
		"1: no budget":                     {power, vsphere.ErrNoBudget, 1},
		"1: no budget for a clone":         {clones, vsphere.ErrNoBudget, 1},
		"a power operation fails":          {power, failure(vsphere.ClassInvalid), 2},
		"2: a clone fails":                 {clones, failure(vsphere.ClassInvalid), 1},
		"2: a name is taken":               {clones, nameTaken(), 2},
		"2: the answer to a clone is lost": {clones, failure(vsphere.ClassUnknown), 2},
		"none":                             {clones, nil, 2},
	} {
		t.Run(name, func(t *testing.T) {
			started := 0
			err := operations.Each(tt.batch, func(vsphere.Request) error { started++; return tt.err })
			if !errors.Is(err, tt.err) || started != tt.started {
				t.Errorf("started %d and failed with %v, want %d and %v", started, err, tt.started, tt.err)
			}
		})
	}
	first := failure(vsphere.ClassTransient)
	for name, tt := range map[string]struct{ second, want error }{
		"the first error is returned":          {vsphere.ErrNoBudget, first},
		"that vCenter is away comes before it": {errAway, errAway},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []error{first, tt.second}
			err := operations.Each(power, func(vsphere.Request) error { e := answers[0]; answers = answers[1:]; return e })
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

var errAway = failure(vsphere.ClassUnavailable)
