package sim

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

func TestJournalTellsWhoFellBehind(t *testing.T) {
	j := newJournal()
	const total = journalKeep + journalSlack + 1
	for range total {
		j.add(control.Entry{Kind: control.EntryCall})
	}
	if _, _, err := j.after(0); err == nil {
		t.Error("entry 1 is no longer kept, and its reader is not told")
	}
	page, _, err := j.after(total - journalKeep)
	if err != nil || len(page) != journalPage || page[0].Seq != total-journalKeep+1 {
		t.Errorf("%d entries from a number that is kept, error %v", len(page), err)
	}
	if page, _, err := j.after(total - 1); err != nil || len(page) != 1 || page[0].Seq != total {
		t.Errorf("newest entry: %v, error %v", page, err)
	}
}
