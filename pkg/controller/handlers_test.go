package controller

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
)

func TestUpdates(t *testing.T) {
	tests := map[string]struct {
		change func(*v1alpha1.VmGroup)
		want   bool
	}{
		"status only": {change: func(vg *v1alpha1.VmGroup) { vg.Status.Message = "x" }},
		"managed fields": {change: func(vg *v1alpha1.VmGroup) {
			vg.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x"}}
		}},
		"spec":       {change: func(vg *v1alpha1.VmGroup) { vg.Generation++ }, want: true},
		"annotation": {change: func(vg *v1alpha1.VmGroup) { vg.Annotations = map[string]string{v1alpha1.OnDeleteAnnotation: "orphan"} }, want: true},
		"label":      {change: func(vg *v1alpha1.VmGroup) { vg.Labels = map[string]string{"a": "b"} }, want: true},
		"finalizer":  {change: func(vg *v1alpha1.VmGroup) { vg.Finalizers = []string{v1alpha1.Finalizer} }, want: true},
		"deletion":   {change: func(vg *v1alpha1.VmGroup) { vg.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, &syncer{}, 0, group("a"))
				f.want("first", "a")
				before, after := group("a"), group("a")
				after.ResourceVersion = "11"
				tc.change(after)
				f.OnUpdate(before, after)
				if got := len(f.syncer.take()) > 0; got != tc.want {
					t.Errorf("synced: got %v, want %v", got, tc.want)
				}
			})
		})
	}
}

func TestResyncIsTheBackstop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, &syncer{}, 10*time.Minute, group("a"))
		f.want("first", "a")
		time.Sleep(10*time.Minute - time.Second)
		f.want("at rest")
		time.Sleep(time.Minute)
		f.want("resync", "a")
	})
}

func TestGoneGroupsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, &syncer{}, 0, group("a"))
		f.want("first", "a")
		client := f.client.VsphereV1alpha1().VmGroups("default")
		if err := client.Delete(t.Context(), "a", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		f.want("deleted")
		again := group("a")
		again.UID = "uid-again"
		if _, err := client.Create(t.Context(), again, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		f.want("created again", "a")
		third := group("a")
		third.UID, third.ResourceVersion = "uid-third", "20"
		f.OnUpdate(again, third) // both happened while the watch was away
		f.want("replaced", "a")
		if diff := cmp.Diff([]string{"default/a=uid-a", "default/a=uid-again"}, f.syncer.forgotten); diff != "" {
			t.Errorf("forgotten (-want +got):\n%s", diff)
		}
	})
}
