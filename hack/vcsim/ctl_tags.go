package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// tagActions are the actions on tags and cluster modules.
func tagActions() map[string]action {
	tag := func(help string, do func(*control.Client, context.Context, string, string) error) action {
		return action{[]string{"CATEGORY", "TAG"}, help, func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return do(c, ctx, a[0], a[1])
		}}
	}
	tagVM := func(help string, do func(*control.Client, context.Context, string, string, string) error) action {
		return action{[]string{"VM", "CATEGORY", "TAG"}, help, func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return do(c, ctx, a[0], a[1], a[2])
		}}
	}
	return map[string]action{
		"tags": {nil, "list tags, and the MoRefs of what they are attached to", listTags},
		"add-tag": tag("make a tag, and its category on demand", func(c *control.Client, ctx context.Context, category, name string) error {
			_, err := c.AddTag(ctx, category, name)
			return err
		}),
		"modules": {nil, "list cluster modules, with the MoRefs of their clusters and members", listModules},
		"remove-module": {[]string{"MODULE"}, "delete a cluster module", func(ctx context.Context, c *control.Client, _ io.Writer, a []string) error {
			return c.RemoveModule(ctx, a[0])
		}},
		"remove-tag": tag("delete a tag", (*control.Client).RemoveTag),
		"attach-tag": tagVM("attach a tag to a VM", (*control.Client).AttachTag),
		"detach-tag": tagVM("detach a tag from a VM", (*control.Client).DetachTag),
	}
}

func listTags(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	tags, err := c.Tags(ctx)
	for _, tag := range tags {
		fmt.Fprintf(out, "%s\t%s\n", tag.Path(), strings.Join(tag.Objects, ","))
	}
	return err
}

func listModules(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	modules, err := c.Modules(ctx)
	for _, m := range modules {
		fmt.Fprintf(out, "%s\t%s\t%s\n", m.ID, m.Cluster, strings.Join(m.Members, ","))
	}
	return err
}
