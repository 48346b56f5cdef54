package input

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/test/harness"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
	"github.com/vmgroup/vmgroup-controller/test/invariants"
)

const (
	// many replicas are too many to wait for.
	many = 50
	// batch is how many groups are tried at a time.
	batch = 200
	// pairsInShort and textsInShort are how many are tried with -short, evenly chosen.
	pairsInShort = 40
	textsInShort = 25

	witness = "witness"
	// witnessSize is how many VMs the witness has: so many that those of the canary, which are destroyed by hand, are no mass
	// disappearance, which would wake all groups, however few VMs the others have.
	witnessSize = 24
)

// metadata are the fields beside spec that people write. Their schema is Kubernetes'.
func metadata() []field {
	text := apiextensionsv1.JSONSchemaProps{Type: "string"}
	return []field{
		{path: []string{"metadata", "name"}, schema: text},
		{path: []string{"metadata", "annotations"}, schema: apiextensionsv1.JSONSchemaProps{Type: "object"}},
		{path: []string{"metadata", "annotations", v1alpha1.OnDeleteAnnotation}, schema: text},
	}
}

// singles are all changes of one field, but for the one that cannot be changed back. For a name, also those lengths that are
// near its limit.
func singles(t *testing.T) []*attempt {
	t.Helper()
	return changesOfFields(t, func(f field) bool { return f.String() != "spec.className" })
}

func changesOfFields(t *testing.T, pick func(field) bool) []*attempt {
	t.Helper()
	var out []*attempt
	for _, f := range slices.Concat(fieldsOf(field{path: []string{"spec"}, schema: specSchema(t)}), metadata()) {
		if !pick(f) {
			continue
		}
		for _, c := range changesOf(t, f, words{nasty}) {
			out = append(out, &attempt{changes: []change{c}})
		}
		if f.String() == "metadata.name" {
			for _, name := range []string{"a.b", "0", "a-", "A", strings.Repeat("n", 62), strings.Repeat("n", 63), strings.Repeat("n", 64)} {
				out = append(out, &attempt{changes: []change{{field: f, value: name}}})
			}
		}
	}
	return out
}

// pairs are all pairs of changes of two fields of spec that the API server takes one by one.
func pairs(singles []*attempt) []*attempt {
	var out []*attempt
	for i, a := range singles {
		for _, b := range singles[i+1:] {
			c, d := a.changes[0], b.changes[0]
			two := c.field.String() != d.field.String() && len(c.field.path) > 1 && len(d.field.path) > 1
			if two && a.name != "" && b.name != "" && c.field.path[0] == "spec" && d.field.path[0] == "spec" {
				out = append(out, &attempt{changes: []change{c, d}})
			}
		}
	}
	return out
}

// TestSpecMutations tries every field with every value that is worth trying, on new groups and on groups at work, alone
// and in pairs. Whatever the value: it is refused with the name of the field, or the group gets READY, or it gets into
// phase ERROR, rests there, and gets READY once it is fixed. Nothing else is touched.
func TestSpecMutations(t *testing.T) {
	m := newMutations(t, "-template-folder", templateFolder)
	one := singles(t)
	for i, some := range slices.Collect(slices.Chunk(one, batch)) {
		m.try(fmt.Sprintf("one-%d", i), some)
	}
	two := pairs(one)
	if testing.Short() {
		two = evenly(two, pairsInShort)
	}
	for i, some := range slices.Collect(slices.Chunk(two, batch)) {
		m.try(fmt.Sprintf("two-%d", i), some)
	}
	m.finish(len(one), len(two))
}

// TestTemplateMutations tries the texts of spec.template where templates are looked up on demand, in the whole datacenter.
func TestTemplateMutations(t *testing.T) {
	m := newMutations(t)
	var some []*attempt
	for _, a := range singles(t) {
		if _, ok := a.on("spec", "template"); ok {
			some = append(some, a)
		}
	}
	if testing.Short() {
		some = evenly(some, textsInShort)
	}
	m.try("template", some)
	m.finish(len(some), 0)
}

// TestClassNames tries the texts of spec.className on new groups, where there is no class: it can be set once, so nobody can fix
// it. The group rests in phase ERROR, and goes.
func TestClassNames(t *testing.T) {
	m := newMutations(t, "-template-folder", templateFolder)
	attempts := changesOfFields(t, func(f field) bool { return f.String() == "spec.className" })
	for i, a := range attempts {
		a.create(m.w, fmt.Sprintf("class-%d", i), m.valid)
	}
	m.settle(attempts, true)
	m.deleteAll(attempts)
	sameVMs(t, m.w, m.witness, m.witnessed)
	m.neighbours.untouched()
	if m.stalled[v1alpha1.ReasonClassNotFound] == 0 || m.refused == 0 {
		t.Errorf("the changes have not reached what they are for: %d refused, stalled because of %v", m.refused, m.stalled)
	}
}

func evenly(all []*attempt, n int) []*attempt {
	var out []*attempt
	for i := range min(n, len(all)) {
		out = append(out, all[i*len(all)/min(n, len(all))])
	}
	return out
}

// mutations is a world in which changes are tried.
type mutations struct {
	t          *testing.T
	w          *harness.World
	c          *harness.Controller
	valid      map[string]any
	neighbours *neighbours
	witness    *v1alpha1.VmGroup
	witnessed  []string // its VMs
	refused    int
	stalled    map[string]int // by reason
	ready      int
}

func newMutations(t *testing.T, args ...string) *mutations {
	t.Helper()
	t.Parallel()
	w := harness.NewWorld(t, cluster, vcsim.Options{TemplateFolder: templateFolder, Datacenters: []string{"DC0", "DC1"}})
	invariants.Watch(w, invariants.Options{})
	m := &mutations{t: t, w: w, valid: validSpec(t, specSchema(t)), stalled: map[string]int{}}
	m.neighbours = addNeighbours(w)
	m.c = w.StartController(append([]string{"-datacenter", "DC0", "-datastore", "", "-workers", "4"}, args...)...)
	w.Create(w.Group(witness, witnessSize))
	w.Create(w.Group(canary, 1))
	w.Ready(canary, 1)
	m.witness = w.Ready(witness, witnessSize)
	m.witnessed = refs(w, m.witness)
	return m
}

// try makes one group of each attempt, fixes it, tries the same on the group at work, fixes it again, and deletes it.
func (m *mutations) try(prefix string, attempts []*attempt) {
	m.t.Helper()
	for i, a := range attempts {
		if !m.grows(a) {
			a.create(m.w, fmt.Sprintf("%s-%d", prefix, i), m.valid)
		}
	}
	m.settle(attempts, true)
	m.fixAll(attempts)
	made := map[*attempt]string{}
	for _, a := range attempts {
		_, renamed := a.on("metadata", "name")
		if a.name == "" || renamed { // refused once; and names cannot be changed
			continue
		}
		made[a] = a.name
		a.update(m.w, a.name, m.valid)
		if a.name == "" {
			m.t.Errorf("%s: taken when created, refused as an update", a)
		}
	}
	m.refuseUpdates(attempts, made)
	m.settle(attempts, false)
	m.fixAll(attempts)
	m.deleteAll(attempts)
	for i, a := range attempts {
		if m.grows(a) {
			m.grow(a, fmt.Sprintf("%s-%d", prefix, i))
		}
	}
	sameVMs(m.t, m.w, m.witness, m.witnessed)
	m.neighbours.untouched()
	noPanics(m.w, m.c)
}

// grows tells whether an attempt asks for more VMs than are worth waiting for.
func (m *mutations) grows(a *attempt) bool {
	spec, ok := a.object("", m.valid)["spec"].(map[string]any)
	if !ok {
		return false
	}
	replicas, number := spec["replicas"].(int64)
	template, text := spec["template"].(string)
	return number && replicas > many && replicas <= 10_000 && spec["paused"] != true && text && isTemplate(template)
}

// settle waits until each group has come to an end, and looks at it.
func (m *mutations) settle(attempts []*attempt, fresh bool) {
	m.t.Helper()
	all := groups(m.w, attempts, settled)
	vms := map[string]int{}
	for _, vm := range allVMs(m.w) {
		for i := range all {
			if ownedBy(vm, &all[i]) && vm.PowerState == "poweredOn" {
				vms[all[i].Name]++
			}
		}
	}
	var cloned []v1alpha1.VmGroup
	for _, group := range all {
		want := int(group.DesiredReplicas())
		switch group.Status.Phase {
		case v1alpha1.PhaseReady:
			m.ready++
			cloned = append(cloned, group)
			if keepsOff(&group) {
				want = 0
			}
		case v1alpha1.PhaseError:
			m.stalled[meta.FindStatusCondition(group.Status.Conditions, v1alpha1.ConditionStalled).Reason]++
			if want = 1; fresh { // what runs is left alone
				want = 0
			}
		default: // paused, or not ready for long
			want = vms[group.Name]
		}
		if got := vms[group.Name]; got != want && (fresh || group.Status.Phase == v1alpha1.PhaseReady) {
			m.t.Errorf("%s (%+v) is %s with %d VMs that are on", group.Name, group.Spec, group.Status.Phase, got)
		}
	}
	if fresh {
		clonedFromTheirTemplates(m.w, cloned)
		for _, a := range attempts {
			if a.name == "" && !m.grows(a) {
				m.refused++
			}
		}
	}
	wantQuiet(m.w, m.c)
}

// refuseUpdates tries on a group at work what was refused for a new one.
func (m *mutations) refuseUpdates(attempts []*attempt, made map[*attempt]string) {
	m.t.Helper()
	if len(made) == 0 {
		return
	}
	name := slices.Min(slices.Collect(maps.Values(made)))
	before, err := m.w.Get(name)
	harness.Must(m.t, err)
	for _, a := range attempts {
		if _, renamed := a.on("metadata", "name"); a.name != "" || renamed || m.grows(a) {
			continue
		}
		if a.update(m.w, name, m.valid); a.name != "" {
			m.t.Errorf("%s: refused when created, taken as an update", a)
			a.name = ""
		}
	}
	after, err := m.w.Get(name)
	harness.Must(m.t, err)
	if before.Generation != after.Generation {
		m.t.Errorf("updates that were refused have changed %s: %+v", name, after.Spec)
	}
}

func (m *mutations) fixAll(attempts []*attempt) {
	m.t.Helper()
	for _, a := range attempts {
		if a.name != "" {
			fix(m.w, a.name, m.valid)
		}
	}
	groups(m.w, attempts, func(group *v1alpha1.VmGroup) error {
		if err := settled(group); err != nil || group.Status.Phase != v1alpha1.PhaseReady {
			return errors.Join(fmt.Errorf("fixed, it is %s: %s", group.Status.Phase, group.Status.Message), err)
		}
		return nil
	})
}

// deleteAll deletes the groups. Their VMs and folders go, but for those that are to be orphaned in exactly that word. What is
// no known word holds the deletion, until it is taken away.
func (m *mutations) deleteAll(attempts []*attempt) {
	m.t.Helper()
	all := groups(m.w, attempts, settled)
	for _, group := range all {
		m.w.Delete(group.Name)
	}
	for _, group := range all {
		switch wish, ok := group.Annotations[v1alpha1.OnDeleteAnnotation]; {
		case !ok, wish == v1alpha1.OnDeleteOrphan, wish == v1alpha1.OnDeleteDelete:
		default:
			m.w.Phase(group.Name, v1alpha1.PhaseError, func(vg *v1alpha1.VmGroup) error {
				if c := meta.FindStatusCondition(vg.Status.Conditions, v1alpha1.ConditionStalled); c.Reason != v1alpha1.ReasonInvalidAnnotation {
					return fmt.Errorf("a deletion with %q says %s", wish, vg.Status.Message)
				}
				return nil
			})
			m.w.Update(group.Name, func(vg *v1alpha1.VmGroup) { delete(vg.Annotations, v1alpha1.OnDeleteAnnotation) })
		}
		m.w.Eventually(group.Name+" goes", func() error {
			if _, err := m.w.Get(group.Name); !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is still there: %w", err)
			}
			return nil
		})
	}
	vms, err := m.w.VCenter.Control.VMs(m.t.Context())
	harness.Must(m.t, err)
	folders, err := m.w.VCenter.Control.Folders(m.t.Context())
	harness.Must(m.t, err)
	for i := range all {
		want, left := 0, 0
		orphans := ptr.Deref(all[i].Spec.DeletionPolicy, "") == v1alpha1.DeletionPolicyOrphan
		if orphans || all[i].Annotations[v1alpha1.OnDeleteAnnotation] == v1alpha1.OnDeleteOrphan {
			want = 1
		}
		for _, vm := range vms {
			if ownedBy(vm, &all[i]) {
				left++
			}
		}
		for _, folder := range folders {
			if folder.Path == m.w.FolderPath(all[i].Name) && want == 0 {
				m.t.Errorf("%s is gone, and its folder is left", all[i].Name)
			}
		}
		if left != want {
			m.t.Errorf("%s (%v) is gone, %d VMs are left, want %d", all[i].Name, all[i].Annotations, left, want)
		}
	}
}

// grow tries an attempt that asks for very many VMs: the group is under way, and heals when it is fixed.
func (m *mutations) grow(a *attempt, name string) {
	m.t.Helper()
	a.create(m.w, name, m.valid)
	groups(m.w, []*attempt{a}, settled)
	m.fixAll([]*attempt{a})
	m.deleteAll([]*attempt{a})
}

func (m *mutations) finish(one, two int) {
	m.t.Helper()
	heal(m.w)
	m.t.Logf("%d changes and %d pairs: %d refused, %d times READY, stalled because of %v", one, two, m.refused, m.ready, m.stalled)
	if m.ready == 0 || m.stalled[v1alpha1.ReasonTemplateNotFound] == 0 || m.stalled[v1alpha1.ReasonTemplateUnusable] == 0 {
		m.t.Error("the changes have not reached what they are for")
	}
}
