package contract_test

import (
	"context"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func (w *world) AddTag(path string) {
	w.t.Helper()
	category, name, _ := strings.Cut(path, "/")
	w.control(func(ctx context.Context, c *control.Client) error {
		_, err := c.AddTag(ctx, category, name)
		return err
	})
}

func (w *world) TagsOf(vm vsphere.Ref) []string {
	w.t.Helper()
	var out []string
	w.control(func(ctx context.Context, c *control.Client) error {
		tags, err := c.Tags(ctx)
		out = control.TagsByObject(tags)[string(vm)]
		return err
	})
	return out
}

func (w *world) Modules() [][]vsphere.Ref {
	w.t.Helper()
	var out [][]vsphere.Ref
	w.control(func(ctx context.Context, c *control.Client) error {
		modules, err := c.Modules(ctx)
		for _, module := range modules {
			var vms []vsphere.Ref
			for _, vm := range module.Members {
				vms = append(vms, vsphere.Ref(vm))
			}
			out = append(out, vms)
		}
		return err
	})
	slices.SortFunc(out, slices.Compare)
	return out
}
