package plan

import (
	"cmp"
	"testing"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestDecideNumbers(t *testing.T) {
	const waits = "3 have to stay available"
	tests := map[string]struct {
		counts counts
		want   numbers
	}{
		"1: what is missing":                           {counts{replicas: 3, surge: 1, stay: 1, stayAvailable: 1}, numbers{clone: 2}},
		"1: no surge without an old VM":                {counts{replicas: 3, surge: 2, stay: 3, stayAvailable: 3}, numbers{}},
		"1: the surge":                                 {counts{replicas: 3, surge: 1, old: 3, oldAvailable: 3}, numbers{clone: 1, why: waits}},
		"1: the surge is a part of all":                {counts{replicas: 3, surge: 2, old: 3, oldAvailable: 3, cloning: 1}, numbers{clone: 1, why: waits}},
		"1: not more new ones than replicas":           {counts{replicas: 3, surge: 9, old: 3, oldAvailable: 3}, numbers{clone: 3, why: waits}},
		"1: what may be ours counts":                   {counts{replicas: 3, stay: 1, unidentified: 2}, numbers{}},
		"1: missing, and the surge":                    {counts{replicas: 3, surge: 1, old: 2, oldAvailable: 2}, numbers{clone: 2, why: "3 have to stay available"}},
		"2: the surplus":                               {counts{replicas: 1, stay: 3, stayAvailable: 3}, numbers{cancel: 2, surplus: 2}},
		"2: clones first":                              {counts{replicas: 2, stay: 2, cloning: 2}, numbers{cancel: 2}},
		"2: the surplus, beside old ones":              {counts{replicas: 1, surge: 1, stay: 2, stayAvailable: 2, old: 1, oldAvailable: 1}, numbers{cancel: 1, surplus: 1, replace: 1}},
		"3: the sick before those in service":          {counts{replicas: 3, unavailable: 1, old: 3, oldAvailable: 2}, numbers{replace: 1, why: "2 have to stay available"}},
		"3: the sick stay while new ones may not come": {counts{replicas: 3, surge: 1, cloning: 1, old: 3, oldAvailable: 2}, numbers{why: "3 have to stay available"}},
		"4: one may be unavailable":                    {counts{replicas: 3, unavailable: 1, old: 3, oldAvailable: 3}, numbers{replace: 1, why: "2 have to stay available"}},
		"4: one new one is in service":                 {counts{replicas: 3, surge: 1, stay: 1, stayAvailable: 1, old: 3, oldAvailable: 3}, numbers{replace: 1, why: "3 have to stay available"}},
		"4: the last":                                  {counts{replicas: 3, surge: 1, stay: 3, stayAvailable: 3, old: 1, oldAvailable: 1}, numbers{replace: 1}},
		"4: a new one is not in service":               {counts{replicas: 3, surge: 1, stay: 1, old: 3, oldAvailable: 3}, numbers{why: waits}},
		"4: scaled down meanwhile":                     {counts{replicas: 1, surge: 1, old: 3, oldAvailable: 3}, numbers{replace: 2, why: "1 have to stay available"}},
		"4: down to none":                              {counts{old: 3, oldAvailable: 3}, numbers{replace: 3}},
		"5: halted":                                    {counts{replicas: 3, surge: 1, unavailable: 1, stay: 1, old: 2, oldAvailable: 2, halted: true}, numbers{halted: true, why: "no new VM has become available in time"}},
		"5: halted, and one is lost":                   {counts{replicas: 3, surge: 1, old: 2, oldAvailable: 2, halted: true}, numbers{clone: 1, halted: true, why: "no new VM has become available in time"}},
		"7: one at a time, while it is on":             {counts{replicas: 3, stay: 3, stayAvailable: 3, hot: 3}, numbers{hot: 1}},
		"7: two at a time, while they are on":          {counts{replicas: 3, unavailable: 2, stay: 3, stayAvailable: 3, hot: 3}, numbers{hot: 2}},
		"7: off for it, one at a time":                 {counts{replicas: 3, unavailable: 1, stay: 3, stayAvailable: 3, cold: 3, coldAvailable: 3}, numbers{cold: 1, why: "2 have to stay available"}},
		"7: one is off for it":                         {counts{replicas: 3, unavailable: 1, stay: 3, stayAvailable: 2, cold: 2, coldAvailable: 2, unfinished: 1}, numbers{why: "2 have to stay available"}},
		"7: none may be off for it":                    {counts{replicas: 3, stay: 3, stayAvailable: 3, cold: 3, coldAvailable: 3}, numbers{why: "3 have to stay available"}},
		"7: the idle before those in service":          {counts{replicas: 3, unavailable: 2, stay: 3, stayAvailable: 2, cold: 3, coldAvailable: 2}, numbers{idle: 1, cold: 1, why: "1 have to stay available"}},
		"7: another is replaced":                       {counts{replicas: 3, unavailable: 1, stay: 2, stayAvailable: 2, cold: 2, coldAvailable: 2, old: 1, oldAvailable: 1}, numbers{replace: 1, why: "2 have to stay available"}},
		"8: halted, and changed in place":              {counts{replicas: 3, unavailable: 1, stay: 3, stayAvailable: 3, hot: 1, cold: 2, coldAvailable: 2, halted: true}, numbers{halted: true}},
		"5: no VM can be made":                         {counts{replicas: 3, unavailable: 1, old: 3, oldAvailable: 3, blocked: true}, numbers{why: "no new VM can be made now"}},
		"6: the partition lacks some":                  {counts{replicas: 3, stay: 1, stayAvailable: 1, lacking: 1}, numbers{clone: 2, remake: 1}},
		"6: it lacks more than are missing":            {counts{replicas: 3, stay: 2, stayAvailable: 2, lacking: 2}, numbers{clone: 1, remake: 1}},
		"6: it lacks one, beside the surge":            {counts{replicas: 3, surge: 1, stay: 1, stayAvailable: 1, old: 1, oldAvailable: 1, lacking: 1}, numbers{clone: 2, remake: 1, why: waits}},
		"6: none is missing":                           {counts{replicas: 2, stay: 2, stayAvailable: 2, lacking: 1}, numbers{}},
		"6: halted, and one is lost":                   {counts{replicas: 3, surge: 1, stay: 1, stayAvailable: 1, old: 1, oldAvailable: 1, lacking: 1, halted: true}, numbers{clone: 1, remake: 1, halted: true, why: "no new VM has become available in time"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decideNumbers(tc.counts); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

// TestNumbersKeepTheirBounds holds them for any numbers, and lets a rollout of which every new VM succeeds come to its end.
func TestNumbersKeepTheirBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		upTo := func(limit int, what string) int { return rapid.IntRange(0, limit).Draw(t, what) }
		c := counts{
			replicas: upTo(8, "replicas"), surge: upTo(4, "surge"), unavailable: upTo(4, "unavailable"),
			stay: upTo(8, "stay"), old: upTo(8, "old"), cloning: upTo(3, "cloning"), unidentified: upTo(2, "unidentified"),
			lacking: upTo(3, "lacking"), halted: rarely(t, "halted"), blocked: rarely(t, "blocked"),
		}
		c.stayAvailable, c.oldAvailable = upTo(c.stay, "of these available"), upTo(c.old, "of these available")
		c.coldAvailable = upTo(c.stayAvailable, "changes in service")
		c.cold = c.coldAvailable + upTo(c.stay-c.stayAvailable, "changes")
		c.hot, c.unfinished = upTo(c.stayAvailable-c.coldAvailable, "hot"), upTo(c.stay-c.stayAvailable-(c.cold-c.coldAvailable), "unfinished")
		if c.surge+c.unavailable == 0 {
			c.unavailable = 1
		}
		checkBounds(t, c, decideNumbers(c))

		c.halted, c.blocked = false, false
		for range 40 {
			n := decideNumbers(c)
			checkBounds(t, c, n)
			c = c.after(n)
		}
		if c.unavailable == 0 {
			c.cold = 0 // none is switched off then
		}
		if c.hot+c.cold > 0 {
			t.Fatalf("it ends with %d to change, and %d to switch off for it", c.hot, c.cold)
		}
		if c.old > 0 || c.stay != c.replicas {
			t.Fatalf("it ends with %d old VMs and %d others of %d", c.old, c.stay, c.replicas)
		}
	})
}

func checkBounds(t *rapid.T, c counts, n numbers) {
	if total := c.total() + n.clone; n.clone > 0 && total > c.replicas+c.surge {
		t.Fatalf("%d VMs, with a surge of %d of %d", total, c.surge, c.replicas)
	}
	if c.old == 0 && n.clone > 0 && c.total()+n.clone > c.replicas {
		t.Fatal("a surge without an old VM")
	}
	if n.remake > n.clone || n.remake > c.lacking {
		t.Fatalf("%d are made of an earlier revision, %d are lacking: %+v", n.remake, c.lacking, n)
	}
	if n.replace > c.old || n.surplus > c.stay {
		t.Fatalf("more go than there are: %+v", n)
	}
	if (c.halted || c.blocked) && n.replace > 0 {
		t.Fatal("a VM is replaced")
	}
	left := c.available() - n.surplus - max(0, n.replace-(c.old-c.oldAvailable))
	left -= n.cold
	if floor := c.replicas - c.unavailable; (n.replace > c.old-c.oldAvailable || n.cold > 0) && left < floor {
		t.Fatalf("%d are available after that, %d have to be", left, floor)
	}
	if n.idle+n.cold > c.unavailable || n.hot > max(1, c.unavailable) || c.halted && n.idle+n.cold+n.hot > 0 {
		t.Fatalf("%d are changed, and %d switched off for it", n.hot, n.idle+n.cold)
	}
}

// after returns the numbers when all is done: what was cloned is available, and those that are off first have gone first.
func (c counts) after(n numbers) counts {
	c.hot, c.cold, c.unfinished = max(0, c.hot-n.hot), max(0, min(c.cold-n.idle-n.cold, c.stay-n.surplus)), 0
	c.coldAvailable = c.cold
	sick := min(n.replace, c.old-c.oldAvailable)
	c.old -= n.replace
	c.oldAvailable -= n.replace - sick
	c.stay += c.cloning + c.unidentified + n.clone - n.surplus - min(n.cancel-n.surplus, c.cloning)
	c.stayAvailable, c.cloning, c.unidentified = c.stay, 0, 0
	return c
}

func TestLimits(t *testing.T) {
	number, percent := intstr.FromInt32, intstr.FromString
	tests := map[string]struct {
		strategy              v1alpha1.UpdateStrategy
		replicas              int32
		surgeValue, downValue *intstr.IntOrString
		surge, maxUnavail     int
	}{
		"nothing said":              {replicas: 4, surge: 1},
		"numbers":                   {replicas: 4, surgeValue: ptr.To(number(2)), downValue: ptr.To(number(3)), surge: 2, maxUnavail: 3},
		"the surge is rounded up":   {replicas: 5, surgeValue: ptr.To(percent("25%")), surge: 2},
		"the other is rounded down": {replicas: 5, surgeValue: ptr.To(number(0)), downValue: ptr.To(percent("50%")), maxUnavail: 2},
		"both come to nothing":      {replicas: 3, surgeValue: ptr.To(percent("0%")), downValue: ptr.To(percent("10%")), maxUnavail: 1},
		"no surge":                  {replicas: 3, surgeValue: ptr.To(number(0)), maxUnavail: 1},
		"not more than replicas":    {replicas: 3, downValue: ptr.To(number(9)), surge: 1, maxUnavail: 3},
		"in place":                  {strategy: v1alpha1.UpdateInPlaceIfPossible, replicas: 4, maxUnavail: 1},
		"in place, none off":        {strategy: v1alpha1.UpdateInPlaceIfPossible, replicas: 4, downValue: ptr.To(number(0)), surge: 1},
		"only in place":             {strategy: v1alpha1.UpdateInPlaceOnly, replicas: 4, maxUnavail: 1},
		"only in place, none off":   {strategy: v1alpha1.UpdateInPlaceOnly, replicas: 4, downValue: ptr.To(percent("0%")), surge: 1},
		"only in place, nearly 0":   {strategy: v1alpha1.UpdateInPlaceOnly, replicas: 4, downValue: ptr.To(percent("10%")), maxUnavail: 1},
		"no replicas":               {replicas: 0, surgeValue: ptr.To(percent("100%")), downValue: ptr.To(percent("100%"))},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := group(tc.replicas)
			g.Spec.Update = &v1alpha1.UpdateSpec{Strategy: cmp.Or(tc.strategy, v1alpha1.UpdateReplace), MaxSurge: tc.surgeValue, MaxUnavailable: tc.downValue}
			if surge, unavailable := limits(g); surge != tc.surge || unavailable != tc.maxUnavail {
				t.Errorf("surge %d, unavailable %d; want %d and %d", surge, unavailable, tc.surge, tc.maxUnavail)
			}
		})
	}
}

// TestWhatARolloutWaitsFor is what the message says of new VMs that hold a rollout up.
func TestWhatARolloutWaitsFor(t *testing.T) {
	toolsMustRun := func(in *Input) {
		in.Group.Spec.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace}
		in.Group.Spec.Readiness = &v1alpha1.ReadinessSpec{Type: v1alpha1.ReadyToolsRunning}
	}
	for name, tc := range map[string]struct {
		in   Input
		want string
	}{
		"a clone": {input(group(2), vm(0, oldRevision, tools), vm(1, oldRevision, tools)).with(toolsMustRun, operations(cloning(2))),
			"2 of 2 VMs available; 2 to be replaced, 1 being cloned, 2 have to stay available"},
		"its guest": {input(group(2), vm(0, oldRevision, tools), vm(1, oldRevision, tools), vm(2, noTools)).with(toolsMustRun),
			"2 of 2 VMs available; 2 to be replaced, 1 not ready: VMware Tools do not run in the guest, 2 have to stay available"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Status(tc.in, Compute(tc.in), Outcome{}).Message; got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestARolloutWhileNoVMCanBeMade keeps the old VMs, for whatever reason none can be made. 5 is that rule of decideNumbers.
func TestARolloutWhileNoVMCanBeMade(t *testing.T) {
	replacing := spec(func(s *v1alpha1.VmGroupSpec) {
		s.Update = &v1alpha1.UpdateSpec{Strategy: v1alpha1.UpdateReplace, MaxUnavailable: ptr.To(intstr.FromInt32(1))}
	})
	for name, given := range map[string]func(*Input){
		"5: no place": noPlace, "5: many VMs have disappeared": disappeared,
		"5: no template": func(in *Input) { in.TemplateError = newError(vsphere.ClassInvalid) },
	} {
		t.Run(name, func(t *testing.T) {
			in := input(group(2), vm(0, oldRevision), vm(1, oldRevision)).with(replacing)
			if p := Compute(in); len(p.Requests) == 0 {
				t.Error("nothing is replaced in any case")
			}
			if p := Compute(in.with(given)); len(p.Requests) > 0 {
				t.Errorf("asked for: %+v", p.Requests)
			}
		})
	}
}
