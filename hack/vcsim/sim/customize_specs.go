package sim

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// specManager is the CustomizationSpecManager, which has no specs to begin with. All simulators of a process share those of the
// stock simulator, which knows no way to remove one.
type specManager struct {
	mo.CustomizationSpecManager
	items   []types.CustomizationSpecItem
	version int
}

// putSpecManager puts ours in the place of the stock simulator's.
func (s *Simulator) putSpecManager() {
	ref := s.model.ServiceContent.CustomizationSpecManager
	if stock, ok := s.registry.Get(*ref).(*simulator.CustomizationSpecManager); ok {
		ours := new(specManager)
		ours.Self, ours.EncryptionKey = stock.Self, stock.EncryptionKey
		s.registry.Put(ours)
	}
}

func (m *specManager) find(name string) int {
	return slices.IndexFunc(m.items, func(item types.CustomizationSpecItem) bool { return item.Info.Name == name })
}

// put stores a spec at an index, or in the end.
func (m *specManager) put(i int, item types.CustomizationSpecItem) {
	m.version++
	now := time.Now()
	item.Info.ChangeVersion, item.Info.LastUpdateTime = strconv.Itoa(m.version), &now
	m.items = slices.Clone(m.items)
	if i < 0 {
		m.items = append(m.items, item)
	} else {
		m.items[i] = item
	}
	m.list()
}

func (m *specManager) list() {
	m.Info = nil
	for _, item := range m.items {
		m.Info = append(m.Info, item.Info)
	}
}

// DoesCustomizationSpecExist implements the method of that name.
func (m *specManager) DoesCustomizationSpecExist(req *types.DoesCustomizationSpecExist) soap.HasFault {
	return &methods.DoesCustomizationSpecExistBody{
		Res: &types.DoesCustomizationSpecExistResponse{Returnval: m.find(req.Name) >= 0},
	}
}

// GetCustomizationSpec implements the method of that name.
func (m *specManager) GetCustomizationSpec(req *types.GetCustomizationSpec) soap.HasFault {
	i := m.find(req.Name)
	if i < 0 {
		return faultBody(&types.NotFound{})
	}
	return &methods.GetCustomizationSpecBody{Res: &types.GetCustomizationSpecResponse{Returnval: copyOf(m.items[i])}}
}

// CreateCustomizationSpec implements the method of that name.
func (m *specManager) CreateCustomizationSpec(req *types.CreateCustomizationSpec) soap.HasFault {
	if m.find(req.Item.Info.Name) >= 0 {
		return faultBody(&types.AlreadyExists{Name: req.Item.Info.Name})
	}
	m.put(-1, req.Item)
	return &methods.CreateCustomizationSpecBody{Res: new(types.CreateCustomizationSpecResponse)}
}

// OverwriteCustomizationSpec implements the method of that name. A spec that has changed since it was read is not overwritten.
func (m *specManager) OverwriteCustomizationSpec(req *types.OverwriteCustomizationSpec) soap.HasFault {
	i := m.find(req.Item.Info.Name)
	if i < 0 {
		return faultBody(&types.NotFound{})
	}
	if version := req.Item.Info.ChangeVersion; version != "" && version != m.items[i].Info.ChangeVersion {
		return faultBody(&types.ConcurrentAccess{})
	}
	m.put(i, req.Item)
	return &methods.OverwriteCustomizationSpecBody{Res: new(types.OverwriteCustomizationSpecResponse)}
}

// DeleteCustomizationSpec implements the method of that name.
func (m *specManager) DeleteCustomizationSpec(req *types.DeleteCustomizationSpec) soap.HasFault {
	i := m.find(req.Name)
	if i < 0 {
		return faultBody(&types.NotFound{})
	}
	m.items = slices.Delete(slices.Clone(m.items), i, i+1)
	m.list()
	return &methods.DeleteCustomizationSpecBody{Res: new(types.DeleteCustomizationSpecResponse)}
}

// opAddCustomizationSpec stores a spec as an administrator does.
func (s *Simulator) opAddCustomizationSpec(r control.Request) (any, error) {
	if r.Customization == nil || r.Customization.Name == "" {
		return nil, errors.New("which customization spec?")
	}
	item := specItem(*r.Customization)
	ref := *s.model.ServiceContent.CustomizationSpecManager
	exists, err := s.call("DoesCustomizationSpecExist", ref, &types.DoesCustomizationSpecExist{This: ref, Name: item.Info.Name})
	if err != nil {
		return nil, err
	}
	if exists.(*methods.DoesCustomizationSpecExistBody).Res.Returnval {
		_, err = s.call("OverwriteCustomizationSpec", ref, &types.OverwriteCustomizationSpec{This: ref, Item: item})
	} else {
		_, err = s.call("CreateCustomizationSpec", ref, &types.CreateCustomizationSpec{This: ref, Item: item})
	}
	return control.Reply{}, err
}

func (s *Simulator) opRemoveCustomizationSpec(r control.Request) (any, error) {
	ref := *s.model.ServiceContent.CustomizationSpecManager
	_, err := s.call("DeleteCustomizationSpec", ref, &types.DeleteCustomizationSpec{This: ref, Name: r.Name})
	return control.Reply{}, err
}

func specItem(c control.CustomizationSpec) types.CustomizationSpecItem {
	var name types.BaseCustomizationName = new(types.CustomizationVirtualMachineName)
	if c.Hostname != "" {
		name = &types.CustomizationFixedName{Name: c.Hostname}
	}
	item := types.CustomizationSpecItem{Info: types.CustomizationSpecInfo{Name: c.Name, Type: "Linux"}}
	item.Spec.Options = new(types.CustomizationLinuxOptions)
	item.Spec.Identity = &types.CustomizationLinuxPrep{HostName: name, Domain: cmp.Or(c.Domain, "example.com")}
	if c.Windows {
		item.Info.Type = "Windows"
		item.Spec.Options = &types.CustomizationWinOptions{ChangeSID: true, Reboot: types.CustomizationSysprepRebootOptionReboot}
		join := types.CustomizationIdentification{JoinWorkgroup: "WORKGROUP"}
		if c.Domain != "" {
			// The password is encrypted, as vCenter gives it out.
			secret := &types.CustomizationPassword{Value: "c2VjcmV0"}
			join = types.CustomizationIdentification{JoinDomain: c.Domain, DomainAdmin: "admin", DomainAdminPassword: secret}
		}
		item.Spec.Identity = &types.CustomizationSysprep{
			GuiUnattended:  types.CustomizationGuiUnattended{TimeZone: 85, AutoLogonCount: 1},
			UserData:       types.CustomizationUserData{FullName: "user", OrgName: "organization", ComputerName: name},
			Identification: join,
		}
	}
	for range c.NICs {
		item.Spec.NicSettingMap = append(item.Spec.NicSettingMap, types.CustomizationAdapterMapping{
			Adapter: types.CustomizationIPSettings{Ip: new(types.CustomizationDhcpIpGenerator)},
		})
	}
	return item
}
