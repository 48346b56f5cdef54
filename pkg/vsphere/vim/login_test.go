package vim

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// tellingGate allows all attempts, and remembers what it was told of each.
type tellingGate struct{ told []string }

func (g *tellingGate) Begin(context.Context, string, string) (bool, time.Duration, error) {
	return true, 0, nil
}

func (g *tellingGate) End(_ context.Context, refused bool) error {
	g.told = append(g.told, map[bool]string{true: "refused", false: "not refused"}[refused])
	return nil
}

func (g *tellingGate) Unanswered(context.Context) error {
	g.told = append(g.told, "not answered")
	return nil
}

// A login without an answer may have been a failed one, and has to be counted beyond this process; one that was never
// sent has not.
func TestWhatTheGateIsToldOfALogin(t *testing.T) {
	for _, tt := range []struct {
		name    string
		err     error
		want    string
		waiting int
	}{
		{"accepted", nil, "not refused", 0},
		{"refused", &callError{sent: true, err: soap.WrapVimFault(&types.InvalidLogin{})}, "refused", 0},
		{"another fault", &callError{sent: true, err: soap.WrapVimFault(&types.SystemError{})}, "not refused", 0},
		{"the answer was lost", &callError{sent: true, err: io.EOF}, "not answered", 1},
		{"no answer in time", &callError{sent: true, err: context.DeadlineExceeded}, "not answered", 1},
		{"never sent", &callError{err: io.EOF}, "not refused", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := &tellingGate{}
			v := testConnection(t).v
			v.logins.gate = g
			if err := v.logins.noteLogin(t.Context(), "user", fingerprint("user", "pw"), tt.err); (err == nil) != (tt.err == nil) {
				t.Errorf("the connection is told %v of %v", err, tt.err)
			}
			if diff := cmp.Diff([]string{tt.want}, g.told); diff != "" || len(v.logins.unanswered) != tt.waiting {
				t.Errorf("%d count in memory, want %d; (-want +got):\n%s", len(v.logins.unanswered), tt.waiting, diff)
			}
		})
	}
}
