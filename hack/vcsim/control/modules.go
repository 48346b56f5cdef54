package control

import "context"

// Module is a cluster module: virtual machines of one cluster that DRS keeps on different hosts, if it can.
type Module struct {
	ID      string `json:"id"`
	Cluster string `json:"cluster"` // MoRef value
	// Members are MoRef values, sorted. Virtual machines that were destroyed stay among them.
	Members []string `json:"members,omitempty"`
}

// Modules lists the cluster modules, in the order in which they were made.
func (c *Client) Modules(ctx context.Context) ([]Module, error) {
	return get[[]Module](ctx, c, "modules")
}

// RemoveModule deletes a cluster module by hand.
func (c *Client) RemoveModule(ctx context.Context, id string) error {
	return c.do(ctx, "remove-module", Request{Name: id}, nil)
}
