package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	applyconfig "github.com/vmgroup/vmgroup-controller/pkg/generated/applyconfiguration/vsphere/v1alpha1"
)

// fieldManager owns in Kubernetes what the plugin writes. All its users share it: what one has written, another can change.
const fieldManager = program

// conflictRetry bounds how often a write is tried that somebody else has overtaken. The controller writes a status at most once
// a second.
var conflictRetry = wait.Backoff{Steps: 12, Duration: 10 * time.Millisecond, Factor: 1.5, Jitter: 0.5}

const writeHelp = `
It writes by server-side apply, as the field manager ` + fieldManager + `, and leaves alone what others have set: where they want
something else, it fails and says who they are. It takes the permission to patch VmGroups, which the ClusterRole vmgroup-edit has.
`

// dryRunFlag registers -dry-run.
func dryRunFlag(fs *flag.FlagSet, inv *invocation) {
	fs.StringVar(&inv.dryRun, "dry-run", "none", "\"server\": have the API server check the change, and write nothing")
}

// dryRunOption is -dry-run as the API server takes it.
func (inv *invocation) dryRunOption() ([]string, error) {
	switch inv.dryRun {
	case "none":
		return nil, nil
	case "server":
		return []string{metav1.DryRunAll}, nil
	default:
		return nil, usagef("-dry-run is %q: want none or server", inv.dryRun)
	}
}

// done is what a line about a change ends with.
func (inv *invocation) done() string {
	if inv.dryRun == "server" {
		return " (server dry run)"
	}
	return ""
}

// edit changes what the plugin owns of a VmGroup, which it may only read.
type edit func(vg *v1alpha1.VmGroup, own *applyconfig.VmGroupApplyConfiguration) error

// toWrite reads the VmGroup that a command is to change. dryRun is -dry-run as the API server takes it.
func (inv *invocation) toWrite(ctx context.Context) (c *cluster, vg *v1alpha1.VmGroup, dryRun []string, err error) {
	if dryRun, err = inv.dryRunOption(); err != nil {
		return nil, nil, nil, err
	}
	if c, err = inv.connectKubernetes(); err != nil {
		return nil, nil, nil, err
	}
	vg, err = c.get(ctx, c.namespace, inv.name)
	return c, vg, dryRun, err
}

// ownUpdate returns what the plugin owns of spec.update, to be changed.
func ownUpdate(own *applyconfig.VmGroupApplyConfiguration) *applyconfig.UpdateSpecApplyConfiguration {
	if own.Spec == nil {
		own.WithSpec(applyconfig.VmGroupSpec())
	}
	if own.Spec.Update == nil {
		own.Spec.WithUpdate(applyconfig.UpdateSpec())
	}
	return own.Spec.Update
}

// dropEmpty removes structs without a field: the plugin would own them like a value.
func dropEmpty(own *applyconfig.VmGroupApplyConfiguration) {
	if own.Spec != nil && equality.Semantic.DeepEqual(own.Spec.Update, applyconfig.UpdateSpec()) {
		own.Spec.Update = nil
	}
	if equality.Semantic.DeepEqual(own.Spec, applyconfig.VmGroupSpec()) {
		own.Spec = nil
	}
}

// write applies what the plugin owns of a VmGroup, after a change. vg is the VmGroup as it was just read. A server-side apply
// drops what its manager does not send again. So all of it is sent, for the very version that it was read from: what another
// call of the plugin writes meanwhile is never lost.
func (c *cluster) write(ctx context.Context, vg *v1alpha1.VmGroup, dryRun []string, change edit) error {
	uid, read := vg.UID, true
	err := retry.OnError(conflictRetry, isOvertaken, func() error {
		if !read {
			var err error
			if vg, err = c.get(ctx, vg.Namespace, vg.Name); err != nil {
				return err
			}
		}
		read = false
		switch {
		case vg.UID != uid:
			return fmt.Errorf("VmGroup %s was deleted and made anew meanwhile; nothing was changed", vg.Name)
		case vg.DeletionTimestamp != nil:
			return fmt.Errorf("VmGroup %s is being deleted, whatever its spec says; nothing was changed", vg.Name)
		}
		own, err := extractOwn(vg)
		if err != nil {
			return err
		}
		own.WithUID(vg.UID).WithResourceVersion(vg.ResourceVersion)
		if err := change(vg, own); err != nil {
			return err
		}
		dropEmpty(own)
		data, err := json.Marshal(own)
		if err != nil {
			return fmt.Errorf("write what %s owns of VmGroup %s: %w", fieldManager, vg.Name, err)
		}
		_, err = c.groups.VmGroups(vg.Namespace).Patch(ctx, vg.Name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: fieldManager, DryRun: dryRun})
		if err != nil && !apierrors.IsConflict(err) {
			return c.explain(ctx, err)
		}
		return err
	})
	switch {
	case apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict):
		return conflictError(vg, err)
	case isOvertaken(err):
		return fmt.Errorf("VmGroup %s changes too often to be written; try again: %w", vg.Name, err)
	default:
		return err
	}
}

// extractOwn returns what the plugin owns of a VmGroup. It fails if a newer plugin owns a field that this one does not know: to
// apply the rest would take that field away.
func extractOwn(vg *v1alpha1.VmGroup) (*applyconfig.VmGroupApplyConfiguration, error) {
	own, err := applyconfig.ExtractVmGroup(vg, fieldManager)
	if err != nil {
		return nil, fmt.Errorf("read what %s owns of VmGroup %s: %w", fieldManager, vg.Name, err)
	}
	data, err := json.Marshal(own)
	if err != nil {
		return nil, fmt.Errorf("write what %s owns of VmGroup %s: %w", fieldManager, vg.Name, err)
	}
	var known map[string]any
	if err := json.Unmarshal(data, &known); err != nil {
		return nil, fmt.Errorf("read what %s owns of VmGroup %s: %w", fieldManager, vg.Name, err)
	}
	for _, entry := range vg.ManagedFields {
		if entry.FieldsV1 == nil || !isOwn(entry) {
			continue
		}
		var fields fieldpath.Set
		if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			return nil, fmt.Errorf("read what %s owns of VmGroup %s: %w", fieldManager, vg.Name, err)
		}
		for path := range fields.Leaves().All() {
			if !hasPath(known, path) {
				return nil, fmt.Errorf("a newer version of this plugin has set %s of VmGroup %s, and this one would take it away; nothing was changed. Upgrade the plugin", path, vg.Name)
			}
		}
	}
	return own, nil
}

// hasPath reports whether something, as it is decoded from JSON, has a field.
func hasPath(decoded any, path fieldpath.Path) bool {
	for _, element := range path {
		switch {
		case element.FieldName != nil:
			fields, _ := decoded.(map[string]any)
			next, found := fields[*element.FieldName]
			if !found {
				return false
			}
			decoded = next
		case element.Key != nil:
			items, _ := decoded.([]any)
			i := slices.IndexFunc(items, func(item any) bool { return hasKey(item, element) })
			if i < 0 {
				return false
			}
			decoded = items[i]
		default: // nothing that the plugin owns is a set
			return false
		}
	}
	return true
}

// hasKey reports whether an item of a list is the one that an element of a path names.
func hasKey(item any, element fieldpath.PathElement) bool {
	fields, _ := item.(map[string]any)
	return !slices.ContainsFunc(*element.Key, func(key value.Field) bool { return fields[key.Name] != key.Value.Unstructured() })
}

// isOvertaken reports whether a write failed because somebody wrote first. A conflict with another field manager is none:
// another attempt meets it again.
func isOvertaken(err error) bool {
	return apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeFieldManagerConflict)
}

// conflictError says whose values a write would have overridden.
func conflictError(vg *v1alpha1.VmGroup, err error) error {
	var conflicts []string
	if status, ok := errors.AsType[*apierrors.StatusError](err); ok {
		for _, cause := range status.ErrStatus.Details.Causes {
			conflicts = append(conflicts, fmt.Sprintf("%s: %s", strings.TrimPrefix(cause.Field, "."), cause.Message))
		}
	}
	return fmt.Errorf("somebody else has set it, and is not overridden: %s; nothing was changed. Set it there, or with: kubectl edit vg %s -n %s",
		strings.Join(conflicts, "; "), vg.Name, vg.Namespace)
}

// isOwn reports whether an entry tells what the plugin has applied.
func isOwn(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == fieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
}

// otherOwners returns the field managers, other than the plugin, that have set a field.
func otherOwners(vg *v1alpha1.VmGroup, path fieldpath.Path) ([]string, error) {
	var names []string
	for _, entry := range vg.ManagedFields {
		if entry.FieldsV1 == nil || isOwn(entry) {
			continue
		}
		var fields fieldpath.Set
		if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err != nil {
			return nil, fmt.Errorf("read what %s owns of VmGroup %s: %w", entry.Manager, vg.Name, err)
		}
		if fields.Has(path) && !slices.Contains(names, entry.Manager) {
			names = append(names, entry.Manager)
		}
	}
	return names, nil
}
