package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	informers "github.com/vmgroup/vmgroup-controller/pkg/generated/informers/externalversions"
)

// watchStatus shows the groups, and again whatever changes, until ctx ends. That it ends is no error: nothing else ends it.
func watchStatus(ctx context.Context, inv *invocation, c *cluster, namespace string) error {
	// What is wrong is said at once, in full, and not by a watch that tries again.
	var one *v1alpha1.VmGroup
	if inv.name != "" {
		var err error
		if one, err = c.get(ctx, namespace, inv.name); err != nil {
			return err
		}
	} else if _, err := c.list(ctx, namespace); err != nil {
		return err
	}
	s := &screen{process: inv.process, namespaces: namespace == "", text: statusLine}
	err := s.follow(ctx, c, namespace, one, func(change) (bool, error) { return false, nil })
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// statusLine is a group in one line.
func statusLine(vg *v1alpha1.VmGroup) string {
	return strings.Join([]string{string(cmp.Or(vg.Status.Phase, "-")), progress(vg), message(vg)}, "  ")
}

// follow watches the groups of a namespace, or one that was just read if it is not nil, and shows what changes, until seen says
// that it is enough or returns an error, or until ctx ends.
func (s *screen) follow(ctx context.Context, c *cluster, namespace string, one *v1alpha1.VmGroup, seen func(change) (bool, error)) error {
	changes := make(chan change)
	factory := informers.NewSharedInformerFactoryWithOptions(c.watches, 0, informers.WithNamespace(namespace),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			if one != nil {
				o.FieldSelector = fields.OneTermEqualSelector(metav1.ObjectNameField, one.Name).String()
			}
		}))
	watching, stop := context.WithCancel(ctx)
	informer := factory.Vsphere().V1alpha1().VmGroups().Informer()
	if err := subscribe(watching, informer, changes); err != nil {
		stop()
		return err
	}
	factory.StartWithContext(watching)
	defer factory.Shutdown()
	defer stop()
	if one != nil {
		go sendGone(watching, informer, one, changes)
	}
	return s.show(ctx, changes, seen)
}

// change is a group that was seen, is gone, or could not be watched.
type change struct {
	group *v1alpha1.VmGroup
	gone  bool
	err   error
}

// sendGone tells that a group is gone if the watch has begun after that: no event does.
func sendGone(ctx context.Context, informer cache.SharedIndexInformer, vg *v1alpha1.VmGroup, changes chan<- change) {
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return
	}
	if _, exists, err := informer.GetStore().Get(vg); exists || err != nil {
		return
	}
	select {
	case changes <- change{group: vg, gone: true}:
	case <-ctx.Done():
	}
}

// subscribe has what the informer sees sent to changes.
func subscribe(ctx context.Context, informer cache.SharedIndexInformer, changes chan<- change) error {
	send := func(c change) {
		select {
		case changes <- c:
		case <-ctx.Done():
		}
	}
	err := informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) { send(change{err: err}) })
	if err != nil {
		return fmt.Errorf("watch VmGroups: %w", err)
	}
	_, err = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { send(change{group: obj.(*v1alpha1.VmGroup)}) },
		UpdateFunc: func(_, obj any) { send(change{group: obj.(*v1alpha1.VmGroup)}) },
		DeleteFunc: func(obj any) {
			if unknown, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = unknown.Obj
			}
			send(change{group: obj.(*v1alpha1.VmGroup), gone: true})
		},
	})
	if err != nil {
		return fmt.Errorf("watch VmGroups: %w", err)
	}
	return nil
}

// show takes changes over until seen says that it is enough, or ctx ends.
func (s *screen) show(ctx context.Context, changes <-chan change, seen func(change) (bool, error)) error {
	defer s.leave()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case c := <-changes:
			switch {
			case c.err == nil:
				s.update(c)
				if enough, err := seen(c); enough || err != nil {
					return err
				}
			case c.err.Error() != said:
				said = c.err.Error()
				s.complain(said)
			}
		}
	}
}

// maxDrawn is how many lines are drawn again in their place: no more than any terminal has.
const maxDrawn = 20

// What a terminal is told, see ECMA-48 and DEC's private modes.
const (
	cursorUp  = "\x1b[%dA"
	clearLine = "\x1b[2K"
	wrapOff   = "\x1b[?7l" // a line that is too long is cut, or it would take two
	wrapOn    = "\x1b[?7h"
)

// screen shows one line for each group. On a terminal, lines stay in their place.
type screen struct {
	process
	namespaces bool // are shown
	text       func(*v1alpha1.VmGroup) string
	lines      []line
	drawn      int // lines on the terminal, the last of which the cursor is below
}

type line struct {
	key, text string
	gone      bool
}

// update shows what has changed of a group. What looks as before is not shown again.
func (s *screen) update(c change) {
	text := s.text(c.group)
	if c.gone {
		text = "deleted"
	}
	key := c.group.Name
	if s.namespaces {
		key = c.group.Namespace + "/" + c.group.Name
	}
	now := line{key: key, text: text, gone: c.gone}
	i, found := slices.BinarySearchFunc(s.lines, key, func(l line, key string) int { return cmp.Compare(l.key, key) })
	switch {
	case found && s.lines[i] == now:
		return
	case found:
		s.lines[i] = now
	default:
		s.lines = slices.Insert(s.lines, i, now)
	}
	if s.terminal && len(s.lines) <= maxDrawn {
		s.draw()
		return
	}
	fmt.Fprintf(s.out, "%s  %s\n", now.key, now.text)
}

// draw draws all lines in the place of those that are there.
func (s *screen) draw() {
	var b strings.Builder
	b.WriteString(wrapOff)
	if s.drawn > 0 {
		fmt.Fprintf(&b, cursorUp, s.drawn)
	}
	width := 0
	for _, l := range s.lines {
		width = max(width, len(l.key))
	}
	for _, l := range s.lines {
		fmt.Fprintf(&b, "\r%s%-*s  %s\n", clearLine, width, l.key, l.text)
	}
	s.drawn = len(s.lines)
	fmt.Fprint(s.out, b.String())
}

// complain says below the lines what keeps them from being true.
func (s *screen) complain(text string) {
	s.drawn = 0 // they stay where they are, and are drawn below it next
	fmt.Fprintf(s.err, "%s; trying again\n", oneLine(text))
}

// leave leaves the terminal as it was.
func (s *screen) leave() {
	if s.terminal {
		fmt.Fprint(s.out, wrapOn)
	}
}
