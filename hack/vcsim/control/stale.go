package control

import "context"

// Hidden says which virtual machines vanish from the views: those named, those directly in a folder, and a fraction of
// those with a stamp.
type Hidden struct {
	VMs      []string `json:"vms,omitempty"`    // MoRef values, names or paths
	Folder   string   `json:"folder,omitempty"` // MoRef value or path below the VM folder
	Fraction float64  `json:"fraction,omitempty"`
}

// FreezeUpdates lets property collectors deliver nothing new, or lets them go on. What changed meanwhile is delivered then.
// Other reads stay live.
func (c *Client) FreezeUpdates(ctx context.Context, on bool) error {
	return c.do(ctx, "freeze-updates", Request{On: on}, nil)
}

// SwallowUpdates loses the next n object updates of any kind, over all collectors. 0 loses none from now on.
func (c *Client) SwallowUpdates(ctx context.Context, n int) error {
	return c.do(ctx, "swallow-updates", Request{Count: n}, nil)
}

// ReorderUpdates lets the updates of an object or of several overtake each other, by chance from the seed: each comes at
// once or some ticks later. false lets them come as they are made, and those that are late come first.
func (c *Client) ReorderUpdates(ctx context.Context, on bool, seed int) error {
	return c.do(ctx, "reorder-updates", Request{On: on, Count: seed}, nil)
}

// HideVMs lets virtual machines vanish from container views, so that collectors report them as left. They stay in their
// folders and can be read by their MoRef. It returns the MoRef values of those that it has hidden.
func (c *Client) HideVMs(ctx context.Context, h Hidden) ([]string, error) {
	var out []string
	err := c.do(ctx, "hide-vms", Request{Hidden: &h}, &out)
	return out, err
}

// UnhideVMs brings back all that HideVMs has hidden.
func (c *Client) UnhideVMs(ctx context.Context) error {
	return c.do(ctx, "unhide-vms", Request{}, nil)
}
