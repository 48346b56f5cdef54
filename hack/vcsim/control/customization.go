package control

import "context"

// CustomizationSpec is a customization spec as an administrator stores it in vCenter. All its network cards go by DHCP.
type CustomizationSpec struct {
	Name     string `json:"name"`
	Windows  bool   `json:"windows,omitempty"`  // by sysprep; otherwise for Linux
	NICs     int    `json:"nics,omitempty"`     // how many network cards it is for
	Hostname string `json:"hostname,omitempty"` // "" is the virtual machine's name
	Domain   string `json:"domain,omitempty"`   // to join, or of the DNS
}

// AddCustomizationSpec stores a customization spec, in the place of another of its name.
func (c *Client) AddCustomizationSpec(ctx context.Context, spec CustomizationSpec) error {
	return c.do(ctx, "add-customization-spec", Request{Customization: &spec}, nil)
}

// RemoveCustomizationSpec removes a customization spec.
func (c *Client) RemoveCustomizationSpec(ctx context.Context, name string) error {
	return c.do(ctx, "remove-customization-spec", Request{Name: name}, nil)
}
