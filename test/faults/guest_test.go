package faults

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// telling tells guests what a Secret holds, and then what another one does, by new VMs. The digest has what the guests have made
// of it.
func (r *run) telling() {
	r.guests(control.Guest{Tools: true, CloudInit: true})
	r.userData("one")
	r.userData("two")
	vg := r.Group(group, 2)
	vg.Spec.Update = replacing(0, 1)
	vg.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyIPAddress}
	vg.Spec.Guest = &v1alpha1.GuestSpec{HostnamePrefix: "www", CloudInit: &v1alpha1.CloudInitSpec{
		UserDataSecretRef: &v1alpha1.SecretKeyReference{Name: "one"},
	}}
	r.createdFrom(vg)
	r.Update(group, func(vg *v1alpha1.VmGroup) { vg.Spec.Guest.CloudInit.UserDataSecretRef.Name = "two" })
	r.settled(2)
}

// userData makes a Secret with user data that say its name.
func (r *run) userData(name string) {
	r.T.Helper()
	_, err := r.Kube.CoreV1().Secrets(r.Namespace).Create(r.T.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Data:       map[string][]byte{v1alpha1.DefaultUserDataKey: []byte("#cloud-config\n# " + name)},
	}, metav1.CreateOptions{})
	harness.Must(r.T, err)
}

// describeGuests says what guests have made of what they were told.
func (r *run) describeGuests() []string {
	r.T.Helper()
	states, err := r.VCenter.Control.GuestStates(r.T.Context())
	harness.Must(r.T, err)
	var lines []string
	for _, state := range states {
		if state.On && (state.InstanceID != "" || state.Customization != "" || state.Failure != "") {
			lines = append(lines, fmt.Sprintf("guest %s %q, %d runs %s %s", state.Hostname, state.UserData, state.Runs, state.Customization, state.Failure))
		}
	}
	return lines
}
