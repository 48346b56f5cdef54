package vspheresync

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/plan"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// revisionData is the data of a ControllerRevision: plan.Revision without what the object has already.
type revisionData struct {
	Revision      string      `json:"revision"`
	Template      string      `json:"template,omitempty"`
	TemplateMoRef vsphere.Ref `json:"templateMoRef,omitempty"`
	VCenter       string      `json:"vCenter,omitempty"`
	Trigger       string      `json:"trigger,omitempty"`
	CPU           int32       `json:"cpu"`
	MemoryMiB     int64       `json:"memoryMiB"`
	DiskGiB       int32       `json:"diskGiB,omitempty"`
	Linked        bool        `json:"linked,omitempty"`
	Snapshot      string      `json:"snapshot,omitempty"`
	Networks      string      `json:"networks,omitempty"`
	// Guest names a Secret. What is in it is nowhere but there and in VMs.
	Guest vsphere.Guest `json:"guest,omitzero"`
}

func dataOf(r plan.Revision) revisionData {
	return revisionData{
		Revision: r.Name, Template: r.Template, TemplateMoRef: r.Source, VCenter: r.VCenter, Trigger: r.Trigger,
		CPU: r.CPU, MemoryMiB: r.MemoryMiB, DiskGiB: r.DiskGiB,
		Linked: r.Linked, Snapshot: r.Snapshot, Networks: r.Networks, Guest: r.Guest,
	}
}

// revisionObject returns the ControllerRevision that records a revision. Its name follows from its data, so that whoever writes
// it twice writes one. try counts the names that were taken. As for those of a StatefulSet, the group is the controller, so
// that the garbage collector removes them with the group; it does not keep the group waiting for that.
func revisionObject(vg *v1alpha1.VmGroup, r plan.Revision, try int) (*appsv1.ControllerRevision, error) {
	data, err := json.Marshal(dataOf(r))
	if err != nil {
		return nil, fmt.Errorf("marshal revision %s: %w", r.Name, err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%d", data, try))
	return &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: vg.Namespace,
			Name:      vg.Name + "-" + hex.EncodeToString(sum[:5]),
			Labels:    map[string]string{v1alpha1.GroupLabel: vg.Name},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.SchemeGroupVersion.String(), Kind: "VmGroup", Name: vg.Name, UID: vg.UID, Controller: ptr.To(true),
			}},
		},
		Data:     runtime.RawExtension{Raw: data},
		Revision: r.Number,
	}, nil
}

// readRevision reads what a ControllerRevision records. People may have written it: what does not say exactly what this
// controller would have written is an error, and nobody makes a VM from it.
func readRevision(object *appsv1.ControllerRevision) (plan.Revision, error) {
	var d revisionData
	decoder := json.NewDecoder(bytes.NewReader(object.Data.Raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return plan.Revision{}, fmt.Errorf("its data are not those of a revision: %w", err)
	}
	r := plan.Revision{
		Object: object.Name, Number: object.Revision, Name: d.Revision,
		VMSpec: vsphere.VMSpec{
			Template: d.Template, Trigger: d.Trigger, CPU: d.CPU, MemoryMiB: d.MemoryMiB, DiskGiB: d.DiskGiB,
			Linked: d.Linked, Snapshot: d.Snapshot, Networks: d.Networks, Guest: d.Guest,
		},
		Source: d.TemplateMoRef, VCenter: d.VCenter,
	}
	known := d.Template != "" && d.TemplateMoRef != "" && d.VCenter != ""
	bySize := vsphere.VMSpec{CPU: d.CPU, MemoryMiB: d.MemoryMiB, DiskGiB: d.DiskGiB}
	unknown := r.VMSpec == bySize && d.TemplateMoRef == "" && d.VCenter == ""
	_, badNetworks := vsphere.ParseNICs(d.Networks)
	switch {
	case d.CPU < 1 || d.MemoryMiB < 1 || d.DiskGiB < 0 || d.Revision == "":
		return r, errors.New("its data lack the revision or the size, or have an impossible one")
	case !known && !unknown:
		return r, errors.New("its data lack the template, or its reference, or the vCenter")
	case badNetworks != nil:
		return r, fmt.Errorf("its networks cannot be read: %w", badNetworks)
	case known && d.Revision != r.Revision():
		return r, fmt.Errorf("its data have the revision %q, and what it is made from is of %q", d.Revision, r.Revision())
	}
	return r, nil
}
