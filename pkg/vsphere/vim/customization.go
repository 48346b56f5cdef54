package vim

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// maxComputerName is the most characters that the computer name of a Windows guest can have. vCenter cuts off what is longer, and
// with it what tells the VMs of a group apart.
const maxComputerName = 15

// wrongCustomizationSpecs says which customization specifications of a class are not there, or cannot be read: other classes do not
// notice that. An error means that vCenter is away.
func (c *connection) wrongCustomizationSpecs(ctx context.Context, class vsphere.ClassSpec) (wrong []*vsphere.Error, err error) {
	for _, name := range class.CustomizationSpecs {
		_, err := c.readCustomizationSpec(ctx, name)
		if err == nil {
			continue
		}
		failure := c.failReading("Read customization specification "+name, err)
		if failure.Class == vsphere.ClassUnavailable || ctx.Err() != nil {
			return nil, err
		}
		wrong = append(wrong, failure)
	}
	return wrong, nil
}

// readCustomizationSpec reads a customization specification.
func (c *connection) readCustomizationSpec(ctx context.Context, name string) (types.CustomizationSpec, error) {
	none := types.CustomizationSpec{}
	manager := c.client.ServiceContent.CustomizationSpecManager
	if manager == nil {
		return none, noCustomizationSpec(name)
	}
	res, err := methods.GetCustomizationSpec(ctx, c.client, &types.GetCustomizationSpec{This: *manager, Name: name})
	if _, ok := faultOf(err).(*types.NotFound); ok {
		return none, noCustomizationSpec(name)
	}
	if err != nil {
		return none, err
	}
	return res.Returnval.Spec, nil
}

func noCustomizationSpec(name string) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonCustomizationSpecNotFound,
		Message: fmt.Sprintf("There is no customization specification %q in vCenter: correct the name, or make it there.", name),
	}
}

// customized returns a customization specification with what one guest is told in it. cards is how many network cards the VM has:
// vCenter wants a setting for each. The settings of the specification are kept, but for the address where a static one is given.
func customized(stored types.CustomizationSpec, cards int, data vsphere.GuestData) (*types.CustomizationSpec, error) {
	identity, err := withHostname(stored.Identity, data)
	if err != nil {
		return nil, err
	}
	spec := stored
	spec.Identity, spec.NicSettingMap = identity, make([]types.CustomizationAdapterMapping, cards)
	if servers := nameservers(data.Cards); len(servers) > 0 && isLinux(identity) {
		spec.GlobalIPSettings.DnsServerList = servers
	}
	for i := range spec.NicSettingMap {
		setting := types.CustomizationIPSettings{Ip: &types.CustomizationDhcpIpGenerator{}}
		if i < len(stored.NicSettingMap) {
			setting = stored.NicSettingMap[i].Adapter
		}
		if i < len(data.Cards) && data.Cards[i].Address.IsValid() {
			setting = addressed(setting, data.Cards[i])
		}
		spec.NicSettingMap[i].Adapter = setting
	}
	return &spec, nil
}

// withHostname returns an identity with a hostname. The stored one stays as it is.
func withHostname(stored types.BaseCustomizationIdentitySettings, data vsphere.GuestData) (types.BaseCustomizationIdentitySettings, error) {
	name := &types.CustomizationFixedName{Name: data.Hostname}
	switch identity := stored.(type) {
	case *types.CustomizationLinuxPrep:
		linux := *identity
		linux.HostName = name
		return &linux, nil
	case *types.CustomizationSysprep:
		if n := len(data.Hostname); n > maxComputerName {
			return nil, unusableCustomization(data, fmt.Sprintf(
				"Windows cannot have the hostname %q: it has %d characters, and %d are the most; set a shorter spec.guest.hostnamePrefix", data.Hostname, n, maxComputerName))
		}
		windows := *identity
		windows.UserData.ComputerName = name
		return &windows, nil
	default:
		return nil, unusableCustomization(data, fmt.Sprintf(
			"it holds a %T, which no hostname can be put into; name one that is made of settings, for Windows or Linux", stored))
	}
}

func unusableCustomization(data vsphere.GuestData, why string) *vsphere.Error {
	return &vsphere.Error{
		Class: vsphere.ClassInvalid, Reason: v1alpha1.ReasonCustomizationFailed,
		Message: fmt.Sprintf("Customization specification %q cannot be used: %s.", data.Customization, why),
	}
}

// addressed returns the settings of a network card with a static address.
func addressed(setting types.CustomizationIPSettings, card vsphere.GuestCard) types.CustomizationIPSettings {
	var gateway []string
	if card.Gateway.IsValid() {
		gateway = []string{card.Gateway.String()}
	}
	if len(card.Nameservers) > 0 {
		setting.DnsServerList = texts(card.Nameservers)
	}
	if card.Address.Is4() {
		setting.Ip = &types.CustomizationFixedIp{IpAddress: card.Address.String()}
		setting.SubnetMask = net.IP(net.CIDRMask(card.CIDR.Bits(), card.CIDR.Addr().BitLen())).String()
		setting.Gateway = gateway
		return setting
	}
	setting.IpV6Spec = &types.CustomizationIPSettingsIpV6AddressSpec{
		Ip:      []types.BaseCustomizationIpV6Generator{&types.CustomizationFixedIpV6{IpAddress: card.Address.String(), SubnetMask: int32(card.CIDR.Bits())}},
		Gateway: gateway,
	}
	return setting
}

// isLinux reports whether a customization is one of Linux. That takes the name servers of the whole guest, and does not look at
// those of a network card.
func isLinux(identity types.BaseCustomizationIdentitySettings) bool {
	_, is := identity.(*types.CustomizationLinuxPrep)
	return is
}

// nameservers returns those of some network cards, each once.
func nameservers(cards []vsphere.GuestCard) []string {
	var all []string
	for _, card := range cards {
		for _, server := range texts(card.Nameservers) {
			if !slices.Contains(all, server) {
				all = append(all, server)
			}
		}
	}
	return all
}

func texts(addresses []netip.Addr) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = a.String()
	}
	return out
}

// confirmCustomized returns what notes in the stamp of a VM that vCenter is to customize it. vm was just read. A clone that fails
// may leave its VM behind without a customization (NicSettingMismatch): that one never starts, and goes.
func confirmCustomized(vm vsphere.VM, props properties) (types.VirtualMachineConfigSpec, error) {
	if props.text(propPendingCustomization) == "" {
		return types.VirtualMachineConfigSpec{}, &vsphere.Error{
			Class: vsphere.ClassConflict, Reason: vsphere.ReasonNotCustomized,
			Message: fmt.Sprintf("VM %s was made, and its clone has failed before vCenter took over the customization. It is made anew.", vm.Name),
		}
	}
	return withStamp(vm.Stamp.Told()), nil
}

// customizationOf returns what guest.customizationInfo says.
func customizationOf(info types.GuestInfoCustomizationInfo) vsphere.Customization {
	switch types.GuestInfoCustomizationStatus(info.CustomizationStatus) {
	case types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_PENDING, types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_RUNNING:
		return vsphere.Customization{State: vsphere.CustomizationUnderWay}
	case types.GuestInfoCustomizationStatusTOOLSDEPLOYPKG_FAILED:
		return vsphere.Customization{State: vsphere.CustomizationFailed, Message: info.ErrorMsg}
	default:
		return vsphere.Customization{}
	}
}
