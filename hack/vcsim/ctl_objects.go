package main

import (
	"context"
	"io"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// objectActions are the actions on snapshots, and on what virtual machines are made in, made on and connected to.
func objectActions() map[string]action {
	two := func(args []string, help string, do func(ctx context.Context, c *control.Client, a, b string) error) action {
		return action{args, help, func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return do(ctx, c, a[0], a[1])
		}}
	}
	return map[string]action{
		"snapshot": two([]string{"VM", "NAME"}, "take a snapshot of a VM or a template",
			func(ctx context.Context, c *control.Client, vm, name string) error {
				_, err := c.TakeNamedSnapshot(ctx, vm, name)
				return err
			}),
		"remove-snapshot": two([]string{"VM", "NAME"}, "remove a snapshot",
			func(ctx context.Context, c *control.Client, vm, name string) error {
				return c.RemoveSnapshot(ctx, vm, name)
			}),
		"remove-object": {[]string{"OBJECT"}, "remove a pool, a datastore or a network",
			func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
				return c.RemoveObject(ctx, a[0])
			}},
		"rename-object": two([]string{"OBJECT", "NAME"}, "rename a pool, a datastore, a network or a cluster",
			func(ctx context.Context, c *control.Client, object, name string) error {
				return c.RenameObject(ctx, object, name)
			}),
		"deny": two([]string{"OBJECT", "PRIVILEGE"}, "take a privilege away on an object",
			func(ctx context.Context, c *control.Client, object, id string) error {
				return c.DenyOn(ctx, object, id)
			}),
		"allow": two([]string{"OBJECT", "PRIVILEGE"}, "give a privilege back on an object",
			func(ctx context.Context, c *control.Client, object, id string) error {
				return c.AllowOn(ctx, object, id)
			}),
		"fail-into": two([]string{"OBJECT", "FAULT"}, "have clones into a cluster, a pool or a datastore fail",
			func(ctx context.Context, c *control.Client, object, fault string) error {
				return c.AddFault(ctx, control.Fault{Method: "CloneVM_Task", Into: object, Type: fault, TaskLevel: true})
			}),
		"clear-faults": {nil, "let what was made to fail succeed again",
			func(ctx context.Context, c *control.Client, _ io.Writer, _ []string) error { return c.ClearFaults(ctx) }},
	}
}
