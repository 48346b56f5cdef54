package vim

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

type unheardOf struct{ types.MethodFault }

func newForTest(unclassified func(string)) *VCenter {
	return &VCenter{shared: &shared{faultReporter: faultReporter{func(vsphere.Class, string) {}, unclassified}}}
}

// faultTypes returns a value of every fault type that govmomi knows. Its registry answers by name only, so the names are
// taken from its source.
func faultTypes(t testing.TB) map[string]types.BaseMethodFault {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "github.com/vmware/govmomi/vim25/types").Output()
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "types.go"))
	if err != nil {
		t.Fatal(err)
	}
	lookup, faults := types.TypeFunc(), map[string]types.BaseMethodFault{}
	for _, m := range regexp.MustCompile(`(?m)^type (\w+) struct`).FindAllSubmatch(source, -1) {
		kind, ok := lookup(string(m[1]))
		if !ok {
			continue
		}
		if f, ok := reflect.New(kind).Interface().(types.BaseMethodFault); ok {
			faults[string(m[1])] = f
		}
	}
	return faults
}

func TestEveryFaultIsListed(t *testing.T) {
	faults := faultTypes(t)
	if len(faults) < 600 {
		t.Fatalf("found %d fault types only", len(faults))
	}
	for name, f := range faults {
		_, known := judge(f)
		if want := !abstract[name] && !elsewhere(name); known != want {
			t.Errorf("fault %s: it, or one that it extends, has a row: %t, want %t", name, known, want)
		}
		if text := faultText(f); text == "" || strings.HasSuffix(text, ":") {
			t.Errorf("fault %s: text %q", name, text)
		}
	}
}

// elsewhere tells whether a fault is about things that are never asked for: hosts' patches and management boards, a
// domain, moves that Storage DRS recommends. If one is met all the same, that is to be counted.
func elsewhere(name string) bool {
	return elsewhereFaults.MatchString(name)
}

var elsewhereFaults = regexp.MustCompile(`^(Patch(Already|Binaries|Metadata|Missing|NotApplicable|Superseded).*|StorageDrs(Cannot|Datacenters|Hbr|Iolb|Relocate|Stale).*|` +
	`ActiveDirectoryFault|DomainNotFound|InvalidCAM.*|CAMServer.*|NoPermissionOnAD|NonADUserRequired|NoClientCertificate|` +
	`Invalid(Ipmi|Bmc).*|MissingBmcSupport|AlreadyUpgraded|MismatchedBundle|NamespaceWriteProtected|` +
	`Cannot(MoveHost|DisconnectHost)WithFaultToleranceVm|CannotEnableVmcpForCluster|CannotDisableDrsOnClustersWithVApps|` +
	`FaultToleranceVmNotDasProtected|NotSupportedHostForChecksum|VFlashModuleVersionIncompatible)$`)

// abstract faults are the roots of the families: what is only one of them says nothing.
var abstract = map[string]bool{"MethodFault": true, "RuntimeFault": true, "VimFault": true}

func TestEveryRowIsAFault(t *testing.T) {
	lookup := types.TypeFunc()
	for name := range verdicts {
		if _, ok := lookup(name); !ok {
			t.Errorf("row %s: there is no such type", name)
		}
	}
}

func TestClasses(t *testing.T) {
	for _, tt := range []struct {
		fault  types.BaseMethodFault
		class  vsphere.Class
		reason string
	}{
		{&types.TaskInProgress{}, vsphere.ClassTransient, vsphere.ReasonBusy},
		{&types.InvalidPowerState{}, vsphere.ClassTransient, vsphere.ReasonBusy},
		{&types.ConcurrentAccess{}, vsphere.ClassConflict, vsphere.ReasonChangedMeanwhile},
		{&types.ToolsUnavailable{}, vsphere.ClassConflict, vsphere.ReasonToolsUnavailable},
		{&types.CpuHotPlugNotSupported{}, vsphere.ClassConflict, vsphere.ReasonNotHotPluggable},
		{&types.MemoryHotPlugNotSupported{}, vsphere.ClassConflict, vsphere.ReasonNotHotPluggable},
		{&types.MemorySizeNotSupported{}, vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration},
		{&types.NumVirtualCpusNotSupported{}, vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration},
		{&types.NumVirtualCpusExceedsLimit{}, vsphere.ClassExhausted, v1alpha1.ReasonResourceExhausted},
		{&types.MethodDisabled{}, vsphere.ClassTransient, vsphere.ReasonBusy},
		{&types.HostNotConnected{}, vsphere.ClassTransient, v1alpha1.ReasonRetrying},
		{&types.DuplicateName{}, vsphere.ClassConflict, vsphere.ReasonNameTaken},
		{&types.ManagedObjectNotFound{}, vsphere.ClassConflict, vsphere.ReasonGone},
		{&types.NoPermission{}, vsphere.ClassInvalid, v1alpha1.ReasonNoPermission},
		{&types.InvalidArgument{}, vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration},
		{&types.InvalidDeviceSpec{}, vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration},
		{&types.InvalidDeviceOperation{}, vsphere.ClassInvalid, v1alpha1.ReasonInvalidConfiguration},
		{&types.NoDiskSpace{}, vsphere.ClassExhausted, v1alpha1.ReasonResourceExhausted},
		{&types.InsufficientMemoryResourcesFault{}, vsphere.ClassExhausted, v1alpha1.ReasonResourceExhausted},
		{&types.NoCompatibleHost{}, vsphere.ClassExhausted, v1alpha1.ReasonResourceExhausted},
		{&types.NotAuthenticated{}, vsphere.ClassUnavailable, v1alpha1.ReasonVCenterUnreachable},
		{&types.InvalidLogin{}, vsphere.ClassUnavailable, v1alpha1.ReasonCredentialsRejected},
		{&types.RequestCanceled{}, vsphere.ClassUnknown, v1alpha1.ReasonOutcomeUnknown},
	} {
		name := faultName(tt.fault)
		v := newForTest(func(fault string) { t.Errorf("%s is unclassified", fault) })
		counted := ""
		v.onFault = func(class vsphere.Class, fault string) { counted += string(class) + " " + fault }
		err := v.failFault("", "Do this", tt.fault, nil)
		if want := string(tt.class) + " " + name; counted != want {
			t.Errorf("%s: counted %q, want %q", name, counted, want)
		}
		if err.Class != tt.class || err.Reason != tt.reason || err.Fault != name {
			t.Errorf("%s: %s %s %s, want %s %s", name, err.Class, err.Reason, err.Fault, tt.class, tt.reason)
		}
		if !strings.HasPrefix(err.Message, "Do this: ") || !strings.HasSuffix(err.Message, ".") {
			t.Errorf("%s: %q is no sentence", name, err.Message)
		}
	}
}

// What vCenter will not do to a VM that is on is something that has to be done while it is off. For all other operations, a
// wrong power state is one that passes.
func TestAPowerStateThatKeepsAVMFromBeingReconfigured(t *testing.T) {
	fault := &types.InvalidPowerState{RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: types.VirtualMachinePowerStatePoweredOn}
	for _, kind := range append(vsphere.Kinds(), "") {
		want := verdict{vsphere.ClassTransient, vsphere.ReasonBusy}
		if kind == vsphere.OperationReconfigure {
			want = verdict{vsphere.ClassConflict, vsphere.ReasonNotHotPluggable}
		}
		v := newForTest(func(fault string) { t.Errorf("%s is unclassified", fault) })
		for how, err := range map[string]*vsphere.Error{
			"by a task": v.failFault(kind, "Do this", fault, nil), "at once": v.failOf(kind, "Do this", soap.WrapVimFault(fault)),
		} {
			if got := (verdict{err.Class, err.Reason}); got != want {
				t.Errorf("%s, %s: %+v, want %+v", kind, how, got, want)
			}
		}
	}
}

func TestUnlistedFaultIsTransientAndCounted(t *testing.T) {
	var counted []string
	v := newForTest(func(fault string) { counted = append(counted, fault) })
	err := v.failFault("", "Do this", &unheardOf{}, nil)
	if err.Class != vsphere.ClassTransient || len(counted) != 1 || counted[0] != "unheardOf" {
		t.Errorf("class %s, counted %v", err.Class, counted)
	}
}

func TestLostAnswers(t *testing.T) {
	eof, slow := errors.New("EOF"), context.DeadlineExceeded
	for _, tt := range []struct {
		name string
		err  error
		want vsphere.Class
	}{
		{"1. the guard refuses", &callError{method: "CloneVM_Task", mutating: true, err: &guardError{eof}}, vsphere.ClassUnavailable},
		{"2. a fault", &callError{method: "CloneVM_Task", mutating: true, sent: true, err: soap.WrapVimFault(&types.NoDiskSpace{})}, vsphere.ClassExhausted},
		{"3. a lost answer", &callError{method: "CloneVM_Task", mutating: true, sent: true, err: eof}, vsphere.ClassUnknown},
		{"3. slow, and sent", &callError{method: "CloneVM_Task", mutating: true, sent: true, err: slow}, vsphere.ClassUnknown},
		{"3. the last of several", &callError{method: "CloneVM_Task", mutating: true, sent: true, ends: true, err: eof}, vsphere.ClassUnknown},
		{"4. no trust", &callError{method: "CloneVM_Task", mutating: true, err: errThumbprint}, vsphere.ClassUnavailable},
		{"5. the last of several, not sent", &callError{method: "CloneVM_Task", mutating: true, ends: true, err: eof}, vsphere.ClassUnavailable},
		{"5. the last of several, a read", &callError{method: "RetrievePropertiesEx", sent: true, ends: true, err: eof}, vsphere.ClassUnavailable},
		{"6. not sent", &callError{method: "CloneVM_Task", mutating: true, err: eof}, vsphere.ClassTransient},
		{"6. a read", &callError{method: "RetrievePropertiesEx", sent: true, err: eof}, vsphere.ClassTransient},
		{"6. a read that is slow", &callError{method: "RetrievePropertiesEx", sent: true, err: slow}, vsphere.ClassTransient},
		{"6. slow, and not sent", &callError{method: "CloneVM_Task", mutating: true, err: slow}, vsphere.ClassTransient},
		{"7. the caller's deadline", slow, vsphere.ClassTransient},
		{"8. the caller is gone", &callError{method: "RetrievePropertiesEx", sent: true, err: context.Canceled}, vsphere.ClassUnavailable},
	} {
		if got := newForTest(func(string) {}).fail("Do this", tt.err); got.Class != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got.Class, tt.want)
		}
	}
}

// What is told names the call, and says that vCenter is away only if it is.
func TestALostAnswerIsToldInWords(t *testing.T) {
	v := newForTest(func(string) {})
	for _, tt := range []struct {
		call  *callError
		stood bool // the connection, until then
		want  string
	}{
		{&callError{method: "Login", err: io.EOF}, false,
			"Connect to vCenter: vCenter does not answer: it closed the connection before it had answered."},
		{&callError{method: "FindChild", ends: true, err: io.EOF}, true,
			"vCenter does not answer: several calls in a row got no answer, FindChild the last of them: it closed the connection before it had answered. Check vCenter, and the network between it and the controller."},
		{&callError{method: "WaitForUpdatesEx", err: io.EOF}, true,
			"Stay connected to vCenter: the answer to WaitForUpdatesEx was lost (it closed the connection before it had answered); it is asked for again."},
	} {
		if err := v.connectFailure(tt.call, tt.stood); err.Message != tt.want || err.Reason != v1alpha1.ReasonVCenterUnreachable {
			t.Errorf("%s: got %q, want %q", err.Reason, err.Message, tt.want)
		}
	}
	for _, tt := range []struct {
		call *callError
		want string
	}{
		{&callError{method: "CloneVM_Task", mutating: true, sent: true, err: io.EOF},
			"Clone VM web-1: the answer to CloneVM_Task was lost; the inventory is looked at before anything is repeated."},
		{&callError{method: "CloneVM_Task", mutating: true, err: errors.New("connection refused.")},
			"Clone VM web-1: CloneVM_Task could not be sent (connection refused); it is tried again."},
	} {
		if err := v.fail("Clone VM web-1", tt.call); err.Message != tt.want {
			t.Errorf("got %q, want %q", err.Message, tt.want)
		}
	}
}

func TestGoneIsAboutThatObject(t *testing.T) {
	vm, pool := vmRef("vm-1"), types.ManagedObjectReference{Type: "ResourcePool", Value: "vm-1"}
	err := error(&callError{method: "Destroy_Task", err: soap.WrapVimFault(&types.ManagedObjectNotFound{Obj: pool})})
	if isGone(err, vm) {
		t.Error("the VM is called gone because its pool is")
	}
	if !isGone(err, pool) {
		t.Error("the pool is not called gone")
	}
}
