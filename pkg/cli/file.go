package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/generated/clientset/versioned/scheme"
)

// noUID stands for the UID of a VmGroup that does not exist. No object has it, and so no VM is such a group's.
const noUID = "?????"

// readFile returns the VmGroups of the file, of which there is at least one.
func (inv *invocation) readFile() ([]*v1alpha1.VmGroup, error) {
	if inv.file == "-" {
		return readGroups(inv.in, "stdin")
	}
	f, err := os.Open(inv.file)
	if err != nil {
		return nil, fmt.Errorf("read VmGroups: %w", err)
	}
	defer f.Close()
	return readGroups(f, inv.file)
}

// readGroups reads documents of YAML or JSON. A field that is not known is an error, as is an object that is no VmGroup.
func readGroups(r io.Reader, name string) ([]*v1alpha1.VmGroup, error) {
	documents := yaml.NewYAMLReader(bufio.NewReader(r))
	var groups []*v1alpha1.VmGroup
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read VmGroups from %s: %w", name, err)
		}
		vg, err := decode(document)
		if err != nil {
			return nil, fmt.Errorf("read VmGroups from %s: %w", name, err)
		}
		if vg != nil {
			groups = append(groups, vg)
		}
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("%s holds no VmGroup", name)
	}
	return groups, nil
}

// decode reads one document, and returns nil for one that says nothing.
func decode(document []byte) (*v1alpha1.VmGroup, error) {
	text, err := yaml.ToJSON(document)
	if err != nil {
		return nil, err
	}
	if bytes.Equal(text, []byte("null")) {
		return nil, nil
	}
	decoder := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	obj, _, err := decoder.Decode(text, nil, nil)
	if err != nil && !runtime.IsNotRegisteredError(err) {
		return nil, err
	}
	vg, ok := obj.(*v1alpha1.VmGroup)
	if !ok {
		return nil, errors.New("it holds something else than VmGroups of " + v1alpha1.SchemeGroupVersion.String())
	}
	return vg, nil
}

// asApplied returns what the API server would store if the VmGroup were applied. It asks for a dry run; where that is
// denied it says so, and goes on with what the file says.
func (inv *invocation) asApplied(ctx context.Context, c *cluster, vg *v1alpha1.VmGroup) (*v1alpha1.VmGroup, error) {
	switch {
	case vg.Namespace == "":
		vg.Namespace = c.namespace
	case inv.options.Namespace != "" && inv.options.Namespace != vg.Namespace:
		return nil, usagef("the file says namespace %q, and -n says %q", vg.Namespace, inv.options.Namespace)
	}
	groups := c.groups.VmGroups(vg.Namespace)
	dryRun := []string{metav1.DryRunAll}
	live, err := c.get(ctx, vg.Namespace, vg.Name)
	var stored *v1alpha1.VmGroup
	switch {
	case apierrors.IsNotFound(err):
		live = vg
		stored, err = groups.Create(ctx, vg, metav1.CreateOptions{DryRun: dryRun})
	case err != nil:
		return nil, err
	default:
		live.Spec = vg.Spec
		stored, err = groups.Update(ctx, live, metav1.UpdateOptions{DryRun: dryRun})
	}
	if apierrors.IsForbidden(err) {
		fmt.Fprintf(inv.err, "The API server was not asked whether it takes VmGroup %s, and it is planned as the file has it: %v\n", vg.Name, err)
		stored, err = live, nil
	}
	if err != nil {
		return nil, err
	}
	if live == vg {
		stored.UID = noUID
	}
	return stored, nil
}
