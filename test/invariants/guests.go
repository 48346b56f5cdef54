package invariants

import (
	"context"
	"fmt"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// checkGuests is I16 and I17, by the simulator's books of what its guests have found and done since the start.
func (c *Checker) checkGuests(ctx context.Context) error {
	ons, err := c.world.VCenter.Control.PowerOns(ctx)
	if err != nil {
		return fmt.Errorf("what guests have found: %w", err)
	}
	shared, err := c.world.VCenter.Control.SharedAddresses(ctx)
	if err != nil {
		return fmt.Errorf("addresses in use: %w", err)
	}
	for _, why := range guestBreaches(ons, shared) {
		c.world.T.Errorf("breach of %s", why)
	}
	return nil
}

func guestBreaches(ons []control.PowerOn, shared []control.SharedAddress) []string {
	var out []string
	customized := map[string]bool{} // when they were switched on before
	for _, on := range ons {
		customized[on.MoRef] = customized[on.MoRef] || on.Customization
		if s := parseStamp(on.Stamp); s != nil && s.Guest != "" && on.WithoutMetadata() && !customized[on.MoRef] {
			out = append(out, fmt.Sprintf("I16: %s (%s) was switched on before its guest could find its data", on.Name, on.MoRef))
		}
	}
	for _, one := range shared {
		out = append(out, fmt.Sprintf("I17: %s (%s) and %s (%s) had the address %s at one moment", one.Names[0], one.MoRefs[0], one.Names[1], one.MoRefs[1], one.Address))
	}
	return out
}
