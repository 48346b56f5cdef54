package vsphere_test

import (
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

func TestLooksLike(t *testing.T) {
	const (
		blanks    = "blanks or invisible characters"
		unicode   = "how its characters are put together in Unicode"
		upperCase = "upper and lower case"
	)
	for _, tt := range []struct{ name, a, b, want string }{
		{"the same", "linux", "linux", ""},
		{"another", "linux", "linux2", ""},
		{"a part", "linux", "linux-golden", ""},
		{"none at all", "linux", "", ""},
		{"an accent more", "cafe", "caf\u00e9", ""},
		{"NFC and NFD", "caf\u00e9", "cafe\u0301", unicode},
		{"NFD and NFC", "cafe\u0301", "caf\u00e9", unicode},
		{"full width", "linux", "\uff4cinux", unicode},
		{"case", "linux", "Linux", upperCase},
		{"case of other letters", "\u00e9t\u00e9", "\u00c9T\u00c9", upperCase},
		{"a blank behind", "linux", "linux ", blanks},
		{"a blank before", " linux", "linux", blanks},
		{"a blank doubled", "my linux", "my  linux", blanks},
		{"a blank of another kind", "my linux", "my\u00a0linux", blanks},
		{"a blank more in between is another name", "mylinux", "my linux", ""},
		{"a zero width space", "linux", "li\u200bnux", blanks},
		{"a byte order mark", "linux", "\ufefflinux", blanks},
		{"case and blank", "linux", "Linux ", blanks + ", and in " + upperCase},
		{"all three", "caf\u00e9", " Cafe\u0301", blanks + ", and in " + unicode + ", and in " + upperCase},
		{"a sign that is both", "\u212a8s", "K8s", unicode},
		{"paths", "/DC0/vm/images/linux", "/DC0/vm/Images /linux", blanks + ", and in " + upperCase},
		{"paths of other depth", "images/linux", "images/ /linux", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := vsphere.LooksLike(tt.a, tt.b); got != tt.want {
				t.Errorf("LooksLike(%+q, %+q) = %q, want %q", tt.a, tt.b, got, tt.want)
			}
			if there, back := vsphere.LooksLike(tt.a, tt.b), vsphere.LooksLike(tt.b, tt.a); there != back {
				t.Errorf("the one way %q, the other way %q", there, back)
			}
		})
	}
}

func TestConcernsName(t *testing.T) {
	for _, tt := range []struct {
		err  *vsphere.Error
		want bool
	}{
		{&vsphere.Error{Class: vsphere.ClassConflict, Reason: vsphere.ReasonNameTaken}, true},
		{&vsphere.Error{Class: vsphere.ClassConflict, Reason: vsphere.ReasonUnderWay}, true},
		{&vsphere.Error{Class: vsphere.ClassConflict, Reason: vsphere.ReasonTemplateChanged}, false},
		{&vsphere.Error{Class: vsphere.ClassConflict, Reason: "Gone"}, false},
		{&vsphere.Error{Class: vsphere.ClassInvalid, Reason: vsphere.ReasonNameTaken}, false},
	} {
		if got := vsphere.ConcernsName(tt.err); got != tt.want {
			t.Errorf("%s %s: %t", tt.err.Class, tt.err.Reason, got)
		}
	}
	if vsphere.ConcernsName(nil) || vsphere.TemplateChanged(nil) || vsphere.ConcernsName(vsphere.ErrNoBudget) {
		t.Error("no error, or to wait for one's turn, is no conflict")
	}
}
