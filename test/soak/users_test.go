package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
)

const (
	mostGroups   = 12
	mostReplicas = 8
)

// steps are all that is done while no fault is drawn.
var steps = slices.Concat(userSteps, []step{{"burst", 1, (*soak).burst}}, peopleSteps)

// userSteps are what users do to VmGroups.
var userSteps = []step{
	{"scale", 7, (*soak).scale},
	{"create", 3, (*soak).createGroup},
	{"delete", 2, (*soak).deleteGroup},
	{"wrong template", 1, onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) {
		return s.spec(vg, map[string]any{"template": "no-such-template"})
	})},
	{"right template", 2, onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) {
		return s.spec(vg, map[string]any{"template": harness.Template})
	})},
	{"resize", 1, onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) {
		return s.spec(vg, map[string]any{"cpu": 1 + s.random.Int32N(4)})
	})},
	{"pause", 1, onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) { return s.spec(vg, map[string]any{"paused": true}) })},
	{"go on", 2, onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) {
		return s.spec(vg, map[string]any{"paused": false})
	})},
	{"strip the finalizer", 1, onGroup((*soak).strip)},
}

// overtaken tells whether an error says no more than that the world is not as it was a moment ago.
func overtaken(err error) bool {
	text := err.Error()
	return apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) ||
		strings.HasPrefix(text, "control ") && (strings.Contains(text, ": 404") || strings.Contains(text, ": 409"))
}

// onGroup is a step on a group that is not being deleted.
func onGroup(do func(*soak, *v1alpha1.VmGroup) (string, error)) func(*soak) (string, error) {
	return func(s *soak) (string, error) {
		groups, err := s.List()
		if err != nil {
			return "", err
		}
		groups = slices.DeleteFunc(groups, func(vg v1alpha1.VmGroup) bool { return vg.DeletionTimestamp != nil })
		if len(groups) == 0 {
			return "", nil
		}
		return do(s, &groups[s.random.IntN(len(groups))])
	}
}

func (s *soak) patch(vg *v1alpha1.VmGroup, change map[string]any) error {
	body, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = s.Client.VsphereV1alpha1().VmGroups(s.Namespace).Patch(s.T.Context(), vg.Name, types.MergePatchType, body, metav1.PatchOptions{})
	return err
}

func (s *soak) spec(vg *v1alpha1.VmGroup, change map[string]any) (string, error) {
	return fmt.Sprintf("%s %v", vg.Name, change), s.patch(vg, map[string]any{"spec": change})
}

func (s *soak) scale() (string, error) {
	return onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) {
		return s.spec(vg, map[string]any{"replicas": s.random.Int32N(mostReplicas + 1)})
	})(s)
}

// burst is several changes at once.
func (s *soak) burst() (string, error) {
	var done []string
	var errs []error
	for range 3 + s.random.IntN(4) {
		what, err := s.draw(userSteps).do(s)
		if err != nil && overtaken(err) {
			err = nil
		}
		done, errs = append(done, what), append(errs, err)
	}
	return strings.Join(done, "; "), errors.Join(errs...)
}

// createGroup creates a group whose name is free, or was a moment ago.
func (s *soak) createGroup() (string, error) {
	groups, err := s.List()
	if err != nil {
		return "", err
	}
	first := s.random.IntN(mostGroups)
	for i := range mostGroups {
		name := fmt.Sprintf("g%d", 1+(first+i)%mostGroups)
		if slices.ContainsFunc(groups, func(vg v1alpha1.VmGroup) bool { return vg.Name == name }) {
			continue
		}
		vg := s.Group(name, s.random.Int32N(mostReplicas+1))
		_, err := s.Client.VsphereV1alpha1().VmGroups(s.Namespace).Create(s.T.Context(), vg, metav1.CreateOptions{})
		return fmt.Sprintf("%s with %d replicas", name, vg.DesiredReplicas()), err
	}
	return "", nil
}

func (s *soak) deleteGroup() (string, error) {
	return onGroup(func(s *soak, vg *v1alpha1.VmGroup) (string, error) {
		if s.bare[string(vg.UID)] && !finalized(vg) {
			return "", nil // its VMs would be left behind, as documented
		}
		return vg.Name, s.Client.VsphereV1alpha1().VmGroups(s.Namespace).Delete(s.T.Context(), vg.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{ResourceVersion: &vg.ResourceVersion},
		})
	})(s)
}

func finalized(vg *v1alpha1.VmGroup) bool {
	return slices.Contains(vg.Finalizers, v1alpha1.Finalizer)
}

// strip takes the finalizer away from a group that lives on.
func (s *soak) strip(vg *v1alpha1.VmGroup) (string, error) {
	if !finalized(vg) {
		return "", nil
	}
	s.bare[string(vg.UID)] = true
	return vg.Name, s.patch(vg, map[string]any{"metadata": map[string]any{"finalizers": nil, "resourceVersion": vg.ResourceVersion}})
}
