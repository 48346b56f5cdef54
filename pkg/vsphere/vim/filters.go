package vim

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func (c *connection) createFilter(
	ctx context.Context, kind filterKind, view types.ManagedObjectReference, props ...types.PropertySpec,
) error {
	// The lock is held over the calls: the first updates of a filter may come before the answer that names it.
	c.mu.Lock()
	defer c.mu.Unlock()
	spec := types.PropertyFilterSpec{ObjectSet: []types.ObjectSpec{viewObjects(view)}, PropSet: props}
	for n := 0; ; n++ {
		res, err := methods.CreateFilter(ctx, c.client, &types.CreateFilter{This: c.collector, Spec: spec})
		if err == nil {
			c.filters[res.Returnval] = kind
			return nil
		}
		if lost := lostCall(err); lost == nil || !lost.worthRepeating() || n == maxRepeats {
			return fmt.Errorf("create a filter: %w", err)
		}
		// It may have been made, and with a twin everything would be reported twice.
		made, err := c.unnamedFilter(ctx)
		if err != nil {
			return fmt.Errorf("look for a filter: %w", err)
		}
		if made != nil {
			c.filters[*made] = kind
			return nil
		}
	}
}

// unnamedFilter returns the filter of our collector that no answer has named, or nil. c.mu is held.
func (c *connection) unnamedFilter(ctx context.Context) (*types.ManagedObjectReference, error) {
	o, err := c.retrieveOne(ctx, c.collector, propFilters)
	if err != nil {
		return nil, err
	}
	filters, _ := o.props[propFilters].(types.ArrayOfManagedObjectReference)
	for _, filter := range filters.ManagedObjectReference {
		if _, named := c.filters[filter]; !named {
			return &filter, nil
		}
	}
	return nil, nil
}

func (c *connection) kindOf(filter types.ManagedObjectReference) (filterKind, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind, ok := c.filters[filter]
	return kind, ok
}
