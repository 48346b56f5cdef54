package app

import (
	"context"
	"sync"
)

// work does the controller's work until ctx ends, and returns when everything it has started has ended.
func (a *app) work(ctx context.Context, owner string, lead leadership) error {
	// What the workers use outlives them.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	c, err := a.build(serving, owner, lead)
	if err != nil {
		return err
	}
	hide := a.show(c)

	c.informers.StartWithContext(serving)
	var session sync.WaitGroup
	session.Go(func() { c.vcenter.run(serving) })
	session.Go(func() { c.revisions.informer.RunWithContext(serving) })
	session.Go(func() { c.classes.run(serving) })
	c.classes.await(ctx)
	c.vcenter.await(ctx)
	c.revisions.await(ctx)
	session.Go(func() { c.orphans.Run(ctx) })
	c.controller.Run(ctx, c.syncer) // returns when the last worker has ended
	stop()
	session.Wait() // logged out

	hide()
	c.events.Shutdown()
	c.informers.Shutdown()
	c.release()
	return nil
}
