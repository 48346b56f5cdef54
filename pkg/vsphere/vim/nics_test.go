package vim

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

// TestOrderOfCards connects clones of templates with different cards, and looks in which order a guest finds the networks. Whoever adds a
// card gets the lowest key that is free, as in vCenter.
func TestOrderOfCards(t *testing.T) {
	for name, tt := range map[string]struct{ cards, networks string }{
		"as many":                        {"4000 4001", "front db"},
		"more cards":                     {"4000 4001 4002", "front db"},
		"fewer cards":                    {"4000", "front db"},
		"no card":                        {"", "front db"},
		"one, the first was removed":     {"4001", "front db"},
		"two, one between was removed":   {"4000 4002", "front db backup"},
		"as many, the first was removed": {"4001 4002", "front db"},
	} {
		t.Run(name, func(t *testing.T) {
			networks := strings.Fields(tt.networks)
			at := map[int32]string{} // the networks of the cards, by their keys
			var cards []types.BaseVirtualEthernetCard
			for text := range strings.FieldsSeq(tt.cards) {
				key, err := strconv.Atoi(text)
				if err != nil {
					t.Fatal(err)
				}
				at[int32(key)] = "the template's"
				cards = append(cards, &types.VirtualE1000{VirtualEthernetCard: types.VirtualEthernetCard{VirtualDevice: types.VirtualDevice{Key: int32(key)}}})
			}
			var backings []types.BaseVirtualDeviceBackingInfo
			for _, network := range networks {
				backings = append(backings, &types.VirtualEthernetCardNetworkBackingInfo{
					VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: network},
				})
			}
			for _, change := range connected(cards, backings) {
				spec := change.GetVirtualDeviceConfigSpec()
				key := spec.Device.GetVirtualDevice().Key
				switch spec.Operation {
				case types.VirtualDeviceConfigSpecOperationRemove:
					delete(at, key)
					continue
				case types.VirtualDeviceConfigSpecOperationAdd:
					for key = 4000; at[key] != ""; {
						key++
					}
				case types.VirtualDeviceConfigSpecOperationEdit:
				}
				at[key] = spec.Device.GetVirtualDevice().Backing.(*types.VirtualEthernetCardNetworkBackingInfo).DeviceName
			}
			var got []string
			for key := range at {
				got = append(got, strconv.Itoa(int(key))+" "+at[key])
			}
			slices.SortFunc(got, cmp.Compare[string])
			for i := range got {
				_, got[i], _ = strings.Cut(got[i], " ")
			}
			if !slices.Equal(got, networks) {
				t.Errorf("the guest finds %q, want %q", got, networks)
			}
		})
	}
}
