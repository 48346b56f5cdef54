package vim

import (
	"context"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/operations"
)

// verb starts the requests of one kind.
type verb func(c *connection, ctx context.Context, g vsphere.GroupID, batch []vsphere.Request) error

var verbs = map[vsphere.OperationKind]verb{
	vsphere.OperationClone:       (*connection).startClones,
	vsphere.OperationPowerOn:     each(startPower(powerOn)),
	vsphere.OperationConfigure:   (*connection).startReconfigures,
	vsphere.OperationReset:       each(startPower(reset)),
	vsphere.OperationReconfigure: (*connection).startReconfigures,
	vsphere.OperationShutdown:    each((*connection).startShutdown),
	vsphere.OperationPowerOff:    each(startPower(powerOff)),
	vsphere.OperationDestroy:     (*connection).startDestroys,
}

// startOne starts one request.
type startOne func(c *connection, ctx context.Context, g vsphere.GroupID, r vsphere.Request) error

// each starts the requests of a batch one after the other.
func each(start startOne) verb {
	return func(c *connection, ctx context.Context, g vsphere.GroupID, batch []vsphere.Request) error {
		return operations.Each(batch, func(r vsphere.Request) error { return start(c, ctx, g, r) })
	}
}

// Admit returns the requests that may find a place in their budget now.
func (v *VCenter) Admit(g vsphere.GroupID, requests []vsphere.Request) []vsphere.Request {
	return v.tracker.Admit(g, requests)
}

// Start submits requests, batch by batch.
func (v *VCenter) Start(ctx context.Context, g vsphere.GroupID, requests []vsphere.Request) error {
	return operations.EachBatch(requests, func(kind vsphere.KindInfo, batch []vsphere.Request) error {
		c, err := v.synced()
		if err != nil {
			return err
		}
		return verbs[kind.Kind](c, ctx, g, batch)
	})
}
