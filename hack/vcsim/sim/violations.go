package sim

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// violations records calls that a controller of ours must never make. They are carried out all the same: what matters
// to a test is what would have happened.
type violations struct {
	mu   sync.Mutex
	seen []control.Violation
}

// inspect records Folder.Destroy_Task: a real vCenter deletes everything below the folder from disk.
func (v *violations) inspect(ctx *simulator.Context, m *simulator.Method) {
	if m.This.Type != "Folder" || m.Name != "Destroy_Task" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.seen = append(v.seen, control.Violation{
		Time:      time.Now(),
		Method:    m.This.Type + "." + m.Name,
		MoRef:     m.This.Value,
		Name:      entityName(ctx.Map, m.This),
		UserAgent: ctx.Session.UserAgent,
	})
}

func (v *violations) list() []control.Violation {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]control.Violation{}, v.seen...)
}
