package plan

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// aClass returns a class that admits every namespace.
func aClass(name, controller string, changes ...func(*v1alpha1.VmGroupClass)) *v1alpha1.VmGroupClass {
	c := &v1alpha1.VmGroupClass{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(testNow)},
		Spec:       v1alpha1.VmGroupClassSpec{ControllerName: controller, AllowedNamespaces: &metav1.LabelSelector{}},
	}
	for _, change := range changes {
		change(c)
	}
	return c
}

func byDefault(c *v1alpha1.VmGroupClass) {
	c.Annotations = map[string]string{v1alpha1.DefaultClassAnnotation: "true"}
}

func admits(selector *metav1.LabelSelector) func(*v1alpha1.VmGroupClass) {
	return func(c *v1alpha1.VmGroupClass) { c.Spec.AllowedNamespaces = selector }
}

func createdAt(after time.Duration) func(*v1alpha1.VmGroupClass) {
	return func(c *v1alpha1.VmGroupClass) { c.CreationTimestamp = metav1.NewTime(testNow.Add(after)) }
}

func atMost(cpu, memory, disk int32) func(*v1alpha1.VmGroupClass) {
	return func(c *v1alpha1.VmGroupClass) {
		c.Spec.Limits = &v1alpha1.ClassLimits{CPU: &cpu, Memory: &memory, Disk: &disk}
	}
}

// sized asks for a size; a disk of 0 is the template's.
func sized(cpu, memory, disk int32) func(*v1alpha1.VmGroup) {
	return func(g *v1alpha1.VmGroup) {
		g.Spec.CPU, g.Spec.Memory = cpu, memory
		if disk > 0 {
			g.Spec.Disk = &disk
		}
	}
}

// VMs are neither made nor changed beyond a limit, whatever else the class refuses at the same time; below it, the same change goes
// on.
func TestNothingIsChangedBeyondALimit(t *testing.T) {
	gold := func(changes ...func(*v1alpha1.VmGroupClass)) []*v1alpha1.VmGroupClass {
		return []*v1alpha1.VmGroupClass{aClass("gold", "vc1", append(changes, atMost(4, 1000, 1000))...)}
	}
	asks := func(cpu int32, also ...func(*v1alpha1.VmGroup)) func(*v1alpha1.VmGroup) {
		return func(g *v1alpha1.VmGroup) {
			g.Status.ControllerName, g.Status.Class = "vc1", "gold"
			g.Spec.CPU, g.Spec.Update = cpu, &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateInPlaceOnly}
			for _, change := range also {
				change(g)
			}
		}
	}
	for name, tt := range map[string]struct {
		asks    func(*v1alpha1.VmGroup)
		classes []*v1alpha1.VmGroupClass
		want    string // the reason that nothing is changed
	}{
		"as much as is allowed": {asks(4), gold(), ""},
		"more":                  {asks(5), gold(), v1alpha1.ReasonLimitExceeded},
		"more, of another class": {
			asks(5, func(g *v1alpha1.VmGroup) { g.Spec.ClassName = "iron" }), append(gold(), aClass("iron", "vc1")), v1alpha1.ReasonClassChanged,
		},
		"more, of a class that is gone":                 {asks(5), nil, v1alpha1.ReasonClassNotFound},
		"more, of a class that does not admit it":       {asks(5), gold(admits(nil)), v1alpha1.ReasonClassNotAllowed},
		"more, and a clone mode that it does not offer": {asks(5), gold(linkedOnly), v1alpha1.ReasonCloneModeNotOffered},
		"more, and a customization that it does not offer": {
			asks(5, func(g *v1alpha1.VmGroup) { g.Spec.Guest = &v1alpha1.GuestSpec{CustomizationSpec: "other"} }), gold(),
			v1alpha1.ReasonCustomizationSpecNotOffered,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := Compute(input(group(1), vm(0)).with(func(in *Input) {
				tt.asks(in.Group)
				in.ClassError = KeeperOf(in.Group, tt.classes, nil).Err
			}))
			resizes := slices.ContainsFunc(p.Requests, func(r vsphere.Request) bool { return r.Resize != nil })
			if resizes != (tt.want == "") {
				t.Errorf("the requests are %+v", p.Requests)
			}
			if tt.want != "" && (p.Problem == nil || p.Problem.Reason != tt.want) {
				t.Errorf("the problem is %+v, want %s", p.Problem, tt.want)
			}
		})
	}
}

// The numbers are those of the rules of KeeperOf.
func TestKeeperOf(t *testing.T) {
	type classes = []*v1alpha1.VmGroupClass
	gold, silver := aClass("gold", "vc1"), aClass("silver", "vc2")
	named := func(name string) func(*v1alpha1.VmGroup) {
		return func(g *v1alpha1.VmGroup) { g.Spec.ClassName = name }
	}
	kept := func(controller, class string) func(*v1alpha1.VmGroup) {
		return func(g *v1alpha1.VmGroup) { g.Status.ControllerName, g.Status.Class = controller, class }
	}
	folder := func(g *v1alpha1.VmGroup) { g.Status.Folder = &v1alpha1.FolderStatus{MoRef: "group-3"} }
	label := metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
	for name, tt := range map[string]struct {
		group   []func(*v1alpha1.VmGroup)
		classes classes
		labels  labels.Set
		want    string // controller, class, reason
	}{
		"1: a class":                                   {[]func(*v1alpha1.VmGroup){kept("vc1", "gold")}, classes{gold, silver}, nil, "vc1/gold"},
		"1: it does not follow the default":            {[]func(*v1alpha1.VmGroup){kept("vc1", "gold")}, classes{gold, aClass("silver", "vc2", byDefault)}, nil, "vc1/gold"},
		"1: spec.className says the same":              {[]func(*v1alpha1.VmGroup){kept("vc1", "gold"), named("gold")}, classes{gold}, nil, "vc1/gold"},
		"1: spec.className says another":               {[]func(*v1alpha1.VmGroup){kept("vc1", "gold"), named("silver")}, classes{gold, silver}, nil, "vc1/gold/ClassChanged"},
		"1: its class is gone":                         {[]func(*v1alpha1.VmGroup){kept("vc1", "gold")}, classes{silver}, nil, "vc1/gold/ClassNotFound"},
		"1: its class was made again for another":      {[]func(*v1alpha1.VmGroup){kept("vc1", "gold")}, classes{aClass("gold", "vc2")}, nil, "vc1/gold/ClassNotFound"},
		"1: its class does not admit it any more":      {[]func(*v1alpha1.VmGroup){kept("vc1", "gold")}, classes{aClass("gold", "vc1", admits(nil))}, nil, "vc1/gold/ClassNotAllowed"},
		"1: flags, and a default class":                {[]func(*v1alpha1.VmGroup){kept("vc1", "")}, classes{aClass("gold", "vc2", byDefault)}, nil, "vc1/"},
		"1: flags, and spec.className":                 {[]func(*v1alpha1.VmGroup){kept("vc1", ""), named("gold")}, classes{gold}, nil, "vc1//ClassChanged"},
		"2: from before classes":                       {[]func(*v1alpha1.VmGroup){folder}, classes{aClass("gold", "vc2", byDefault)}, nil, "vmgroup/"},
		"3: by name":                                   {[]func(*v1alpha1.VmGroup){named("silver")}, classes{gold, silver}, nil, "vc2/silver"},
		"3: by name, and another is the default":       {[]func(*v1alpha1.VmGroup){named("silver")}, classes{aClass("gold", "vc1", byDefault), silver}, nil, "vc2/silver"},
		"3: no namespace is admitted":                  {[]func(*v1alpha1.VmGroup){named("gold")}, classes{aClass("gold", "vc1", admits(nil))}, nil, "vc1/gold/ClassNotAllowed"},
		"3: the namespace has the label":               {[]func(*v1alpha1.VmGroup){named("gold")}, classes{aClass("gold", "vc1", admits(&label))}, labels.Set{"team": "a"}, "vc1/gold"},
		"3: the namespace has another label":           {[]func(*v1alpha1.VmGroup){named("gold")}, classes{aClass("gold", "vc1", admits(&label))}, labels.Set{"team": "b"}, "vc1/gold/ClassNotAllowed"},
		"3: the labels are not known":                  {[]func(*v1alpha1.VmGroup){named("gold")}, classes{aClass("gold", "vc1", admits(&label))}, nil, "vc1/gold/ClassNotAllowed"},
		"3: as much as is allowed":                     {[]func(*v1alpha1.VmGroup){named("gold"), sized(4, 8, 20)}, classes{aClass("gold", "vc1", atMost(4, 8, 20))}, nil, "vc1/gold"},
		"3: a clone mode that it does not offer":       {[]func(*v1alpha1.VmGroup){named("gold")}, classes{aClass("gold", "vc1", linkedOnly)}, nil, "vc1/gold/CloneModeNotOffered"},
		"3: too many CPUs":                             {[]func(*v1alpha1.VmGroup){named("gold"), sized(5, 8, 20)}, classes{aClass("gold", "vc1", atMost(4, 8, 20))}, nil, "vc1/gold/LimitExceeded"},
		"3: too much memory":                           {[]func(*v1alpha1.VmGroup){named("gold"), sized(4, 9, 20)}, classes{aClass("gold", "vc1", atMost(4, 8, 20))}, nil, "vc1/gold/LimitExceeded"},
		"3: too large a disk":                          {[]func(*v1alpha1.VmGroup){named("gold"), sized(4, 8, 21)}, classes{aClass("gold", "vc1", atMost(4, 8, 20))}, nil, "vc1/gold/LimitExceeded"},
		"3: the template's disk":                       {[]func(*v1alpha1.VmGroup){named("gold"), sized(4, 8, 0)}, classes{aClass("gold", "vc1", atMost(4, 8, 20))}, nil, "vc1/gold"},
		"3: not admitted, and too large":               {[]func(*v1alpha1.VmGroup){named("gold"), sized(5, 8, 0)}, classes{aClass("gold", "vc1", atMost(4, 8, 20), admits(nil))}, nil, "vc1/gold/ClassNotAllowed"},
		"1: a limit that was lowered":                  {[]func(*v1alpha1.VmGroup){kept("vc1", "gold"), sized(5, 8, 0)}, classes{aClass("gold", "vc1", atMost(4, 8, 20))}, nil, "vc1/gold/LimitExceeded"},
		"4: the default":                               {nil, classes{gold, aClass("silver", "vc2", byDefault)}, nil, "vc2/silver"},
		"4: of several, the youngest":                  {nil, classes{aClass("gold", "vc1", byDefault, createdAt(time.Second)), aClass("silver", "vc2", byDefault)}, nil, "vc1/gold"},
		"4: of equals, the first by name":              {nil, classes{aClass("silver", "vc2", byDefault), aClass("gold", "vc1", byDefault)}, nil, "vc1/gold"},
		"4: the default does not admit it":             {nil, classes{aClass("gold", "vc1", byDefault, admits(nil))}, nil, "vc1/gold/ClassNotAllowed"},
		"5: no class at all":                           {nil, nil, nil, "/"},
		"6: none is named, and none the default":       {nil, classes{silver, gold}, nil, "vc1//ClassRequired"},
		"6: a name that nobody has":                    {[]func(*v1alpha1.VmGroup){named("glod")}, classes{silver, gold}, nil, "vc1//ClassNotFound"},
		"6: the same, and there is a default":          {[]func(*v1alpha1.VmGroup){named("glod")}, classes{gold, aClass("silver", "vc2", byDefault)}, nil, "vc2//ClassNotFound"},
		"6: a name that nobody has, and no class ever": {[]func(*v1alpha1.VmGroup){named("glod")}, nil, nil, "//ClassNotFound"},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(1)
			for _, change := range tt.group {
				change(g)
			}
			k := KeeperOf(g, tt.classes, tt.labels)
			got := k.Controller + "/" + k.Class
			if k.Err != nil {
				got += "/" + k.Err.Reason
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !k.KeptBy(k.Controller) || k.KeptBy("another") != (k.Controller == "") {
				t.Errorf("kept by its controller: %t, by another: %t", k.KeptBy(k.Controller), k.KeptBy("another"))
			}
		})
	}
}

// Whenever the coming, changing or going of a class makes KeeperOf say something else, the group depends on that class. A group
// that a controller keeps, or that names a class that is there, depends on that one alone.
func TestDependsOnClass(t *testing.T) {
	type classes = []*v1alpha1.VmGroupClass
	groups := map[string]func(*v1alpha1.VmGroup){
		"new":                 func(*v1alpha1.VmGroup) {},
		"new, names gold":     func(g *v1alpha1.VmGroup) { g.Spec.ClassName = "gold" },
		"new, names silver":   func(g *v1alpha1.VmGroup) { g.Spec.ClassName = "silver" },
		"new, names nobody":   func(g *v1alpha1.VmGroup) { g.Spec.ClassName = "glod" },
		"from before classes": func(g *v1alpha1.VmGroup) { g.Status.Folder = &v1alpha1.FolderStatus{MoRef: "group-3"} },
		"kept by flags":       func(g *v1alpha1.VmGroup) { g.Status.ControllerName = "vc1" },
		"kept by gold":        func(g *v1alpha1.VmGroup) { g.Status.ControllerName, g.Status.Class = "vc1", "gold" },
		"kept by gold, now wants silver": func(g *v1alpha1.VmGroup) {
			g.Status.ControllerName, g.Status.Class, g.Spec.ClassName = "vc1", "gold", "silver"
		},
	}
	silvers := classes{nil, aClass("silver", "vc2"), aClass("silver", "vc3"), aClass("silver", "vc2", byDefault), aClass("silver", "vc2", admits(nil))}
	others := []classes{nil, {aClass("gold", "vc1")}, {aClass("gold", "vc1", byDefault)}, {aClass("bronze", "vc4", byDefault)}}
	for name, change := range groups {
		g := group(1)
		change(g)
		for _, other := range others {
			var said []Keeper
			depends := true
			for _, silver := range silvers {
				all := slices.Clone(other)
				if silver != nil {
					all = append(all, silver)
				}
				said = append(said, KeeperOf(g, all, nil))
				depends = depends && DependsOnClass(g, "silver", all)
			}
			differ := slices.ContainsFunc(said, func(k Keeper) bool { return !reflect.DeepEqual(k, said[0]) })
			if differ && !depends {
				t.Errorf("%s, beside %s: the class silver matters, and DependsOnClass says no", name, namesOf(other))
			}
			kept := g.Status.ControllerName != "" || g.Status.Folder != nil
			if want := !kept && (g.Spec.ClassName != "gold" || classNamed(other, "gold") == nil); DependsOnClass(g, "silver", other) != want {
				t.Errorf("%s, beside %s: depends on silver: %t", name, namesOf(other), !want)
			}
			if want := !kept || g.Status.Class == "gold"; DependsOnClass(g, "gold", other) != want {
				t.Errorf("%s, beside %s: depends on gold: %t", name, namesOf(other), !want)
			}
		}
	}
}

// A group of which no VM may be made says why, keeps those that it has, and records nobody.
func TestClassError(t *testing.T) {
	refused := func(in *Input) {
		in.Controller, in.Class = "vc1", "gold"
		in.ClassError = classError(v1alpha1.ReasonClassNotAllowed, "no")
	}
	in := input(group(2), vm(0)).with(refused)
	p := Compute(in)
	if len(p.Requests) > 0 || p.Problem == nil || p.Problem.Reason != v1alpha1.ReasonClassNotAllowed || !p.Problem.Stalled {
		t.Errorf("VMs are due: %v, %+v", p.Requests, p.Problem)
	}
	if s := Status(in, p, Outcome{}); s.ControllerName != "" || s.Class != "" || s.Phase != v1alpha1.PhaseError {
		t.Errorf("status: kept by %q as %q, %s", s.ControllerName, s.Class, s.Phase)
	}
	in = input(group(1), vm(0)).with(refused)
	p = Compute(in)
	if s := Status(in, p, Outcome{}); s.Phase != v1alpha1.PhaseReady || !strings.Contains(s.Message, "the next one would fail") {
		t.Errorf("nothing is due: %s, %q", s.Phase, s.Message)
	}
	in = input(group(0), vm(0)).with(refused)
	if p := Compute(in); len(p.Requests) != 1 {
		t.Errorf("the surplus stays: %v", p.Requests)
	}
	in = input(group(1)).with(func(in *Input) { in.Controller, in.Class = "vc1", "gold" })
	if s := Status(in, Compute(in), Outcome{}); s.ControllerName != "vc1" || s.Class != "gold" {
		t.Errorf("status: kept by %q as %q", s.ControllerName, s.Class)
	}
	in.Controller, in.Class = "vc1", "silver"
	in.Group.Status.ControllerName, in.Group.Status.Class = "vc1", "gold"
	if s := Status(in, Compute(in), Outcome{}); s.Class != "gold" {
		t.Errorf("the class of a group that is kept becomes %q", s.Class)
	}
}

func linkedOnly(c *v1alpha1.VmGroupClass) {
	c.Spec.CloneModes = []v1alpha1.CloneMode{v1alpha1.CloneLinked}
}

// A group that its class refuses is none of before classes, even if the folder of an earlier group of its name is there: it gets no VMs
// by the flags of the controller.
func TestARefusedGroupIsNotOlderThanClasses(t *testing.T) {
	large := func(g *v1alpha1.VmGroup) { g.Spec.CPU = 64 }
	named := func(g *v1alpha1.VmGroup) { g.Spec.ClassName = "gold" }
	for name, tt := range map[string]struct {
		change func(*v1alpha1.VmGroup)
		class  *v1alpha1.VmGroupClass
		want   string
	}{
		"too large":                {large, aClass("gold", v1alpha1.DefaultControllerName, byDefault, atMost(4, 8, 20)), v1alpha1.ReasonLimitExceeded},
		"no default":               {func(*v1alpha1.VmGroup) {}, aClass("gold", v1alpha1.DefaultControllerName), v1alpha1.ReasonClassRequired},
		"not admitted":             {func(*v1alpha1.VmGroup) {}, aClass("gold", v1alpha1.DefaultControllerName, byDefault, admits(nil)), v1alpha1.ReasonClassNotAllowed},
		"not admitted by its name": {named, aClass("gold", v1alpha1.DefaultControllerName, admits(nil)), v1alpha1.ReasonClassNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			g := group(1)
			tt.change(g)
			for sync := range 3 {
				keeper := KeeperOf(g, []*v1alpha1.VmGroupClass{tt.class}, nil)
				in := input(g, vm(0, otherGroup)).with(func(in *Input) {
					in.Controller, in.Class, in.ClassError, in.Offer = keeper.Controller, keeper.Class, keeper.Err, keeper.Offer
				})
				p := Compute(in)
				if keeper.Err == nil || keeper.Err.Reason != tt.want || len(clonesIn(p)) > 0 {
					t.Fatalf("sync %d: kept as %+v, with the requests %+v", sync, keeper, p.Requests)
				}
				g = g.DeepCopy()
				g.Status = Status(in, p, Outcome{})
			}
		})
	}
}

// A VM that goes off is powered on with the size that it has while its class lets it have no other.
func TestAVMOfARefusedGroupStaysInService(t *testing.T) {
	gold := aClass("gold", "vc1", atMost(4, 8, 20))
	byHand := func(v *vsphere.VM) { v.CPU++ }
	for name, tt := range map[string]struct {
		change  func(*v1alpha1.VmGroup)
		classes []*v1alpha1.VmGroupClass
		vm      func(*vsphere.VM)
	}{
		"the spec is beyond a limit":        {func(g *v1alpha1.VmGroup) { g.Spec.CPU = 8 }, []*v1alpha1.VmGroupClass{gold}, nil},
		"the class is gone, one was edited": {func(*v1alpha1.VmGroup) {}, nil, byHand},
	} {
		for _, strategy := range []v1alpha1.UpdateStrategy{v1alpha1.UpdateInPlaceOnly, v1alpha1.UpdateInPlaceIfPossible} {
			t.Run(name+", "+string(strategy), func(t *testing.T) {
				changes := []func(*vsphere.VM){off}
				if tt.vm != nil {
					changes = append(changes, tt.vm)
				}
				in := input(group(1), vm(0, changes...)).with(inPlace(strategy, nil), inZones("a"))
				tt.change(in.Group)
				in.Group.Status.ControllerName, in.Group.Status.Class = "vc1", "gold"
				in.ClassError = KeeperOf(in.Group, tt.classes, nil).Err
				p := Compute(in)
				if len(p.Requests) != 1 || p.Requests[0].Kind != vsphere.OperationPowerOn {
					t.Errorf("the requests are %+v", p.Requests)
				}
			})
		}
	}
}
