package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

// namedVM is a VM that the user has named.
type namedVM struct{ name, instance string }

// findVMs returns the VMs that the command line names, each once. It asks vCenter only if the status cannot list all VMs. With
// gone, an instance counts that only spec.members knows.
func (inv *invocation) findVMs(ctx context.Context, c *cluster, vg *v1alpha1.VmGroup, gone bool) ([]namedVM, error) {
	list := vg.Status.VMs
	if gone {
		list = withMembers(vg)
	}
	vms, unknown, err := matchVMs(list, inv.vms)
	if err != nil || len(unknown) == 0 {
		return vms, err
	}
	if unlisted(vg) == 0 {
		return nil, unknownVM(vg, unknown[0])
	}
	if !inv.hasVCenter() {
		return nil, fmt.Errorf("VM %q is not in the status of VmGroup %s, which lists %d of %s, and vCenter is not named, which knows them all "+
			"(VC_HOST, VC_USER and VC_PASS, or GOVC_URL); nothing was changed", unknown[0], vg.Name, len(vg.Status.VMs), count(vg.Status.Replicas, "VM"))
	}
	previews, err := inv.preview(ctx, c, vg)
	if err != nil {
		return nil, err
	}
	if vms, unknown, err = matchVMs(previews[0].status.VMs, inv.vms); err == nil && len(unknown) > 0 {
		err = unknownVM(vg, unknown[0])
	}
	return vms, err
}

func unknownVM(vg *v1alpha1.VmGroup, name string) error {
	return fmt.Errorf("there is no VM %q in VmGroup %s, and nothing was changed; those that are: kubectl vmgroup tree %s -n %s",
		name, vg.Name, vg.Name, vg.Namespace)
}

// withMembers lists the VMs of the status, and those of which only spec.members knows the instance.
func withMembers(vg *v1alpha1.VmGroup) []v1alpha1.VMStatus {
	list := slices.Clone(vg.Status.VMs)
	for _, m := range vg.Spec.Members {
		if !slices.ContainsFunc(list, func(vm v1alpha1.VMStatus) bool { return vm.Instance == m.Instance }) {
			list = append(list, v1alpha1.VMStatus{Name: m.Instance, Instance: m.Instance})
		}
	}
	return list
}

// matchVMs finds VMs by name or instance. It returns each once, and the words that name none of them. It is an error if
// a word names several, or one that has no instance: a clone that has not ended, a copy, or a template.
func matchVMs(list []v1alpha1.VMStatus, words []string) (vms []namedVM, unknown []string, err error) {
	for _, word := range words {
		var found []v1alpha1.VMStatus
		for _, vm := range list {
			if vm.Name == word && word != "" || vm.Instance != "" && vm.Instance == strings.ToLower(word) {
				found = append(found, vm)
			}
		}
		switch {
		case len(found) == 0:
			unknown = append(unknown, word)
		case len(found) > 1:
			return nil, nil, fmt.Errorf("%d VMs have the name %q, and nothing was changed; name one by its instance (status.vms[].instance)", len(found), word)
		case found[0].Instance == "":
			return nil, nil, fmt.Errorf("VM %q cannot be marked now, for it is %s (%s); nothing was changed", word, found[0].State, oneLine(found[0].Message))
		default:
			vm := namedVM{found[0].Name, found[0].Instance}
			if !slices.Contains(vms, vm) {
				vms = append(vms, vm)
			}
		}
	}
	return vms, unknown, nil
}
