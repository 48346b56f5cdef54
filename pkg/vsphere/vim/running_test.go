package vim_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

// TestRunningTasks looks at a clone of somebody else's, from a process that may change nothing.
func TestRunningTasks(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{Templates: []string{"template"}, CloneDelay: 20 * time.Second})
	writer, _ := run(t, configFor(sim, &notifier{}))
	awaitSynced(t, writer)
	group := vsphere.GroupID{Namespace: "ns", Name: "web", UID: "uid-1"}
	folder, err := writer.EnsureFolder(t.Context(), group)
	if err != nil {
		t.Fatal(err)
	}
	template, err := findTemplate(t, writer, group, "template")
	if err != nil {
		t.Fatal(err)
	}
	spec := vsphere.CloneSpec{VMSpec: &vsphere.VMSpec{CPU: 1, MemoryMiB: 1024}, Folder: folder}
	if err := startClone(t, writer, group, template, "web-uid1-0", spec); err != nil {
		t.Fatal(err)
	}

	cfg := configFor(sim, &notifier{})
	cfg.Guard = func() error { return errors.New("this process changes nothing") }
	reader, stop := run(t, cfg)
	if _, err := reader.RunningTasks(t.Context()); vsphere.ClassOf(err) != vsphere.ClassUnavailable {
		t.Errorf("before there is a connection: %v", err)
	}
	awaitSynced(t, reader)
	var tasks []vim.RunningTask
	await(t, "the clone has made progress", func() bool {
		if tasks, err = reader.RunningTasks(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(tasks) == 1 && tasks[0].Progress > 0
	})
	want := []vim.RunningTask{{Task: tasks[0].Task, What: "clone", Entity: template.Ref, Name: "web-uid1-0", Folder: folder, Progress: tasks[0].Progress}}
	if diff := cmp.Diff(want, tasks); diff != "" {
		t.Error(diff)
	}

	for _, method := range []string{"QueryEvents", "RetrievePropertiesEx"} {
		if err := sim.Control.AddFault(t.Context(), control.Fault{Method: method, Type: "NoPermission", PrivilegeID: "System.View"}); err != nil {
			t.Fatal(err)
		}
		if _, err := reader.RunningTasks(t.Context()); vsphere.ClassOf(err) != vsphere.ClassInvalid {
			t.Errorf("%s is refused: %v", method, err)
		}
		if err := sim.Control.ClearFaults(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	stop()
}
