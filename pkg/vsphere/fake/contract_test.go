package fake_test

import (
	"net/netip"
	"path"
	"testing"
	"time"

	testclock "k8s.io/utils/clock/testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/contract"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/fake"
)

func TestContract(t *testing.T) {
	contract.Run(t, func(t *testing.T, opts contract.Options) contract.World {
		w := &world{
			t:       t,
			VCenter: fake.NewVCenter(testclock.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))),
			config: fake.Config{
				Root:           fake.VMFolder + "/" + contract.RootFolder,
				TemplateFolder: path.Join(fake.VMFolder, opts.TemplateFolder),
				MaxClones:      opts.MaxClones,
				MaxPower:       opts.MaxPower,
				Notifier:       opts.Notifier,
			},
		}
		w.client = w.Connect(w.config)
		return w
	})
}

// world is a fake vCenter as the contract wants to have one.
type world struct {
	*fake.VCenter
	t      *testing.T
	config fake.Config
	client *fake.Client
}

func (w *world) Client() vsphere.Interface { return w.client }

func (w *world) Clusters() []string { return []string{fake.FirstCluster, fake.SecondCluster} }

func (w *world) StorageCluster() string { return fake.StorageCluster }

func (w *world) Restart() {
	w.client.Close()
	w.client = w.Connect(w.config)
}

func (w *world) SlowClones(on bool) {
	if on {
		w.Hold()
	} else {
		w.Release()
	}
}

func (w *world) HoldReads(on bool) {
	if on {
		w.HoldAnswers()
	} else {
		w.ReleaseAnswers()
	}
}

func (w *world) LoseAnswer(kind vsphere.OperationKind) {
	w.Inject(fake.Fault{Method: fake.Method("Start" + kind), Lost: true})
}

func (w *world) SetHotAdd(vm vsphere.Ref, possible bool) { w.SetHotPlug(vm, possible) }

func (w *world) SetGuest(vm vsphere.Ref, guest contract.Guest) {
	w.VCenter.SetGuest(vm, fake.Guest{NoTools: !guest.Tools, IgnoresShutdown: guest.IgnoreShutdown})
}

func (w *world) SetStamp(vm vsphere.Ref, text string) {
	stamp, err := vsphere.ParseStamp(text)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Update(vm, func(vm *vsphere.VM) { vm.Stamp = stamp })
}

func (w *world) FailClone() {
	w.Inject(fake.Fault{Method: fake.StartClone, Task: true, Err: &vsphere.Error{
		Class: vsphere.ClassExhausted, Reason: "ResourceExhausted", Fault: "NoDiskSpace", Message: "the datastore is full",
	}})
}

func (w *world) SetMaintenance(host vsphere.Ref, on bool) {
	unfit := ""
	if on {
		unfit = "is in maintenance mode"
	}
	w.SetHost(host, unfit)
}

func (w *world) GuestOf(vm vsphere.Ref) contract.GuestTruth {
	told, ok := w.GuestDataOf(vm)
	if !ok {
		w.t.Fatalf("the guest of %s was told nothing", vm)
	}
	out := contract.GuestTruth{Hostname: told.Hostname, UserData: string(told.UserData.Bytes()), SSHKeys: told.SSHKeys}
	for _, card := range told.Cards {
		address := ""
		if card.Address.IsValid() {
			address = netip.PrefixFrom(card.Address, card.CIDR.Bits()).String()
		}
		out.Addresses = append(out.Addresses, address)
		if card.Gateway.IsValid() {
			out.Gateways = append(out.Gateways, card.Gateway.String())
		}
		for _, server := range card.Nameservers {
			out.Nameservers = append(out.Nameservers, server.String())
		}
	}
	if len(told.Cards) == 0 {
		out.Addresses = []string{""}
	}
	return out
}
