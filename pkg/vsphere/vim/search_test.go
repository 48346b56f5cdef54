package vim

import (
	"errors"
	"testing"
	"time"

	"github.com/vmgroup/vmgroup-controller/pkg/apis/vsphere/v1alpha1"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/inventory"
)

// What was found before may serve until the next search has ended. That a template is missing may not, unless the group knows.
func TestAnAnswerThatIsTooOld(t *testing.T) {
	linux := map[vsphere.Ref]inventory.Properties{"vm-5": asTemplate(nil).ofVM()}
	name := asTemplate(nil).name()
	none := map[vsphere.Ref]inventory.Properties{}
	failed := &vsphere.Error{Class: vsphere.ClassTransient, Message: "no"}
	for step, tt := range map[string]struct {
		found    map[vsphere.Ref]inventory.Properties
		err      *vsphere.Error
		age      time.Duration
		told     string
		want     error // ErrPending, failed, or nil
		reason   string
		searches bool
	}{
		"found":                                {found: linux},
		"found, too old":                       {found: linux, age: searchedFor, searches: true},
		"found, the next search has failed":    {found: linux, err: failed, age: 0},
		"missing":                              {found: none, reason: v1alpha1.ReasonTemplateNotFound},
		"missing, too old":                     {found: none, age: searchedFor, want: vsphere.ErrPending, searches: true},
		"missing, too old, as it was told":     {found: none, age: searchedFor, told: name, reason: v1alpha1.ReasonTemplateNotFound, searches: true},
		"missing, too old, told of another":    {found: none, age: searchedFor, told: "bsd", want: vsphere.ErrPending, searches: true},
		"missing, the next search has failed":  {found: none, err: failed, want: failed},
		"nobody has searched":                  {want: vsphere.ErrPending, searches: true},
		"the first search has failed":          {err: failed, want: failed},
		"the first search has failed long ago": {err: failed, age: searchRetry, want: failed, searches: true},
	} {
		t.Run(step, func(t *testing.T) {
			s := &script{}
			c, _ := listening(t, s)
			c.v.searched.found, c.v.searched.err = tt.found, tt.err
			c.v.searched.at = c.v.cfg.Clock.Now().Add(-tt.age)
			if tt.told != "" {
				c.v.lookups[testGroup] = lookup{told: tt.told}
			}
			found, err := c.v.FindTemplate(t.Context(), testGroup, "", name)
			switch {
			case tt.reason != "":
				if e, ok := errors.AsType[*vsphere.Error](err); !ok || e.Reason != tt.reason {
					t.Errorf("%v, want %s", err, tt.reason)
				}
			case !errors.Is(err, tt.want) || err == nil && found.Ref != "vm-5":
				t.Errorf("%v, %v; want %v", found, err, tt.want)
			}
			c.shared.mu.Lock() // a search may have ended by now
			waits := c.v.lookups[testGroup].waits
			c.shared.mu.Unlock()
			if waits != (err != nil) && !tt.searches {
				t.Errorf("it is woken when that changes: %t", waits)
			}
			c.requests.end()
			if s.sent("RetrievePropertiesEx") != tt.searches {
				t.Errorf("sent %v", s.calls)
			}
		})
	}
}

// A group whose look-up waits for a search is woken by its end, be it good or not, and its failure is the answer for a while.
func TestASearchThatFails(t *testing.T) {
	c, heard := listening(t, &script{fails: fails{"RetrievePropertiesEx": {denied403, nil}}})
	ask := func() error {
		_, err := c.v.FindTemplate(t.Context(), testGroup, "", "linux")
		return err
	}
	err := answer(t, ask)
	if e, ok := errors.AsType[*vsphere.Error](err); !ok || e.Reason != v1alpha1.ReasonNoPermission {
		t.Errorf("%v", err)
	}
	waitUntil(t, "it is woken", func() bool { return heard.of(testGroup) == 1 })
	waitUntil(t, "after a while it is searched again, and nothing is found", func() bool {
		c.searchAgain(t.Context())
		e, ok := errors.AsType[*vsphere.Error](ask())
		return ok && e.Reason == v1alpha1.ReasonTemplateNotFound
	})
}

// Nothing tells that a template has come where the whole datacenter is searched. So the connection searches again, for groups
// that wait and have not asked since.
func TestAGroupThatWaitsIsSearchedForAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		age      time.Duration
		waiting  lookup
		searches bool
	}{
		"it waits, and the answer is too old":        {searchedFor, lookup{told: "linux", waits: true}, true},
		"it waits, and the answer is young":          {searchedFor - time.Second, lookup{told: "linux", waits: true}, false},
		"it was notified, and does not ask any more": {searchedFor, lookup{told: "linux"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			c, heard := listening(t, s)
			c.v.searched.found, c.v.searched.at = map[vsphere.Ref]inventory.Properties{}, c.v.cfg.Clock.Now().Add(-tt.age)
			c.v.lookups[testGroup] = tt.waiting
			c.searchAgain(t.Context())
			if tt.searches {
				waitUntil(t, "it is notified", func() bool { return heard.of(testGroup) == 1 })
			}
			c.requests.end()
			if s.sent("RetrievePropertiesEx") != tt.searches {
				t.Errorf("sent %v", s.calls)
			}
		})
	}
}

// What was not answered is not remembered as an answer: the connection ends, and everybody is woken.
func TestASearchThatIsNotAnswered(t *testing.T) {
	c, _ := listening(t, &script{fails: fails{"RetrievePropertiesEx": {noAnswer}}})
	_, err := c.v.FindTemplate(t.Context(), testGroup, "", "linux")
	if !errors.Is(err, vsphere.ErrPending) {
		t.Fatal(err)
	}
	c.requests.end()
	if s := &c.v.searched; s.found != nil || s.err != nil || s.searching != nil {
		t.Errorf("%v, %v", s.found, s.err)
	}
	_, err = c.v.FindTemplate(t.Context(), testGroup, "", "linux")
	wantClass(t, "the connection has ended", err, vsphere.ClassUnavailable)
}

// A search that was under way when a template turned out to be another may have passed by before.
func TestASearchThatBeganBeforeTheChange(t *testing.T) {
	c, now := testConnection(t), time.Now()
	s := &templateSearch{}
	if !s.begin(c.requests, now) || s.begin(c.requests, now) {
		t.Fatal("want one search")
	}
	s.invalidate()
	s.end(c.requests, now, map[vsphere.Ref]inventory.Properties{}, nil)
	if s.found != nil || !s.begin(c.requests, now) {
		t.Error("it counts")
	}
	next := testConnection(t)
	if !s.begin(next.requests, now) {
		t.Error("the next connection does not search")
	}
	s.end(c.requests, now, nil, &vsphere.Error{Class: vsphere.ClassTransient})
	if s.err != nil || s.searching != next.requests {
		t.Error("the end of an earlier connection's search counts")
	}
}
