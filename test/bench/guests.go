package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	poll "k8s.io/apimachinery/pkg/util/wait"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

const (
	templates = "templates"
	sshKey    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE1aexample ops@example"
)

// withClasses is with for a controller of classes, of a name of its own, and n classes that offer a network.
func (b *bench) withClasses(ctx context.Context, o vcsim.Options, controller string, n int, measure func(*subject) error) error {
	o.TemplateFolder = templates
	return b.with(ctx, o, []string{"-namespace", "", "-controller-name", controller}, func(s *subject) (err error) {
		defer func() {
			for i := range n {
				err = errors.Join(err, s.removeClass(context.WithoutCancel(ctx), className(controller, i)))
			}
		}()
		for i := range n {
			if _, err := s.classes.Create(ctx, &v1alpha1.VmGroupClass{
				ObjectMeta: metav1.ObjectMeta{Name: className(controller, i)},
				Spec: v1alpha1.VmGroupClassSpec{
					ControllerName: controller, AllowedNamespaces: &metav1.LabelSelector{}, TemplateFolder: templates,
					Zones:    []v1alpha1.ZoneSpec{{Name: "a", Cluster: "DC0_C0"}},
					Networks: []v1alpha1.ClassNetwork{{Name: "front", Path: "VM Network", CIDR: "10.0.0.0/16", Gateway: "10.0.0.1"}},
				},
			}, metav1.CreateOptions{}); err != nil {
				return err
			}
		}
		s.shape = func(i int, spec *v1alpha1.VmGroupSpec) { spec.ClassName = className(controller, i%n) }
		return measure(s)
	})
}

func className(controller string, i int) string { return fmt.Sprintf("%s-%d", controller, i) }

// removeClass deletes a class, and waits until it is gone: groups of later measurements have none.
func (s *subject) removeClass(ctx context.Context, name string) error {
	if err := s.classes.Delete(ctx, name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return poll.PollUntilContextTimeout(ctx, 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := s.classes.Get(ctx, name, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
}

// guests makes VMs with a network, an address and a hostname of their own, and compares that with a loop that does the same steps.
func (b *bench) guests(ctx context.Context) error {
	name := fmt.Sprintf("%d VMs whose guests are told who they are", b.vms)
	for range b.runs {
		plain, err := b.plainAnd(ctx, vcsim.Options{Lax: true}, b.vms, 16, tellPlain) // its VMs have no stamps
		if err != nil {
			return err
		}
		err = b.withClasses(ctx, vcsim.Options{}, "guests", 1, func(s *subject) error {
			class := s.shape
			s.shape = func(i int, spec *v1alpha1.VmGroupSpec) {
				class(i, spec)
				spec.Networks = []v1alpha1.NetworkSpec{{Name: "front", Addresses: []string{"10.0.1.0-10.0.250.255"}}}
				spec.Guest = &v1alpha1.GuestSpec{HostnamePrefix: "web", CloudInit: &v1alpha1.CloudInitSpec{SSHAuthorizedKeys: []string{sshKey}}}
			}
			took, err := s.create(ctx, b.vms)
			if err != nil {
				return err
			}
			calls, err := s.calls(ctx)
			if err != nil {
				return err
			}
			b.note(name+": plain loop", "", "s", plain.Seconds())
			b.note(name+": wall time / plain loop", "<= 1.10", "", took.Seconds()/plain.Seconds())
			b.note("SOAP calls per VM that is cloned, told and powered on", "<= 4.5", "calls", float64(calls)/float64(b.vms))
			_, err = s.remove(ctx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// linked makes full and linked clones.
func (b *bench) linked(ctx context.Context) error {
	for range b.runs {
		err := b.withClasses(ctx, vcsim.Options{}, "linked", 1, func(s *subject) error {
			if _, err := s.vcenter.Control.TakeNamedSnapshot(ctx, harness.Template, "v1"); err != nil {
				return err
			}
			class := s.shape
			for _, mode := range []v1alpha1.CloneMode{v1alpha1.CloneFull, v1alpha1.CloneLinked} {
				s.shape = func(i int, spec *v1alpha1.VmGroupSpec) {
					class(i, spec)
					spec.Clone = &v1alpha1.CloneOptions{Mode: &mode}
				}
				if _, err := s.calls(ctx); err != nil {
					return err
				}
				if _, err := s.create(ctx, b.vms); err != nil {
					return err
				}
				calls, err := s.calls(ctx)
				if err != nil {
					return err
				}
				b.note(fmt.Sprintf("SOAP calls per VM created, %s clones", mode), "<= 1.8", "calls", float64(calls)/float64(b.vms))
				if _, err := s.remove(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// manyClasses starts a controller beside many classes and groups.
func (b *bench) manyClasses(ctx context.Context) error {
	name := fmt.Sprintf("%d classes and %s groups", b.classes, count(b.groups))
	for run := range b.largeRuns {
		err := b.withClasses(ctx, vcsim.Options{}, "classes", b.classes, func(s *subject) error {
			if _, err := s.createMany(ctx, b.groups, 1); err != nil {
				return err
			}
			took, err := s.restart(ctx, run+2)
			if err != nil {
				return err
			}
			b.note("started beside "+name+" -> first change answered", "<= 2.5", "s", took.Seconds())
			_, err = s.removeMany(ctx, b.groups)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
