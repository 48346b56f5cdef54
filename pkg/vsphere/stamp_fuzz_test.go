package vsphere

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// FuzzStamp writes stamps and reads them again: what is written is what is read.
func FuzzStamp(f *testing.F) {
	f.Add("cluster-1", "0d1f2a3b-0000-4000-8000-000000000001", "web", 0, "0a1b2c3d4e", int32(2000), "instance")
	f.Add("", "", "", -1, "", int32(0), "")
	f.Add("\x00", "\"}", "größe \u202e", 1<<62, "\\", int32(-1), "\xff")
	f.Fuzz(func(t *testing.T, owner, uid, name string, slot int, revision string, disk int32, instance string) {
		for _, text := range []string{owner, uid, name, revision, instance} {
			if !utf8.ValidString(text) { // JSON cannot hold it, and Kubernetes has no such names
				return
			}
		}
		want := Stamp{Version: StampVersion, Owner: owner, UID: uid, Namespace: name, Name: name, Slot: slot, Revision: revision, Disks: []int32{disk}, Instance: instance}
		if slot > 0 {
			want.Base = []string{name}
		}
		text := want.String()
		got, err := ParseStamp(text)
		if complete := owner != "" && uid != "" && instance != "" && slot >= 0; (err == nil) != complete {
			t.Fatalf("ParseStamp(%q): %v, want an error: %v", text, err, !complete)
		}
		if err != nil {
			return
		}
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", text, diff)
		}
	})
}

// FuzzParseStamp reads whatever may stand in ExtraConfig. What is taken for a stamp must be one JSON object and nothing
// else, must say whose the VM is, and must stay the same when it is written and read again.
func FuzzParseStamp(f *testing.F) {
	whole := Stamp{Owner: "o", UID: "u", Name: "n", Slot: 3, Revision: "r", Disks: []int32{2000}, Instance: "i"}.String()
	for _, text := range []string{
		whole, " " + whole + "\n", whole + "}", whole + "]", whole + whole, whole + ",", "[" + whole + "]", `"` + whole + `"`,
		strings.Replace(whole, "3", "-1", 1), strings.Replace(whole, "3", "3.5", 1), strings.Replace(whole, "3", "99999999999999999999", 1),
		strings.Replace(whole, "2000", `"2000"`, 1), strings.Replace(whole, `"o"`, "null", 1), strings.ToUpper(whole),
		"", "null", "true", "0", "{}", "[]", "{", strings.Repeat("[", 20000), `{"owner":"o","uid":"u","instance":"i","newer":{"a":[1]}}`,
		`{"owner":"o","uid":"u","instance":"i","newer": { "a" : "<" },"v":3,"NAMESPACE":"n","":null}`,
		`{"owner":"o","owner":"p","uid":"u","instance":"i"}`, "\xef\xbb\xbf" + whole, "{\"owner\":\"\xff\",\"uid\":\"u\",\"instance\":\"i\"}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseStamp(text)
		if err != nil {
			if got != nil {
				t.Fatalf("ParseStamp(%q) returns a stamp beside the error %v", text, err)
			}
			return
		}
		if got.Owner == "" || got.UID == "" || got.Instance == "" || got.Slot < 0 {
			t.Errorf("ParseStamp(%q) = %+v, which does not say whose it is", text, got)
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Errorf("ParseStamp(%q) takes for a stamp what is no JSON object: %v", text, err)
		}
		var rewritten map[string]any
		if err := json.Unmarshal([]byte(got.String()), &rewritten); err != nil {
			t.Fatal(err)
		}
		for field, value := range object {
			if _, known := asField(field); !known && !reflect.DeepEqual(rewritten[field], value) {
				t.Errorf("ParseStamp(%q) loses %q when it is written again: %s", text, field, got)
			}
		}
		again, err := ParseStamp(got.String())
		if err != nil {
			t.Fatalf("ParseStamp(%q) cannot be read again: %v", got.String(), err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("ParseStamp(%q) changes when it is written and read again:\n%s", text, diff)
		}
	})
}

// asField returns the field of a stamp that a name stands for to encoding/json.
func asField(name string) (string, bool) {
	var s Stamp
	b, err := json.Marshal(map[string]any{name: nil})
	if err != nil {
		return "", false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	return name, d.Decode(&s) == nil
}

// FuzzIdentify judges VMs of arbitrary stamps: ours is only what names this owner, this group and this very instance.
func FuzzIdentify(f *testing.F) {
	ours := Stamp{Owner: "o", UID: "u", Instance: "i"}.String()
	f.Add("o", "u", "i", "web-0", ours, true, false)
	f.Add("o", "u", "j", "web-0", ours, true, false)
	f.Add("p", "u", "i", "web-0", ours, true, true)
	f.Add("o", "u", "", "", "", false, false)
	f.Fuzz(func(t *testing.T, owner, uid, instance, name, text string, configured, template bool) {
		if owner == "" || uid == "" { // a controller and a VmGroup always have one
			return
		}
		vm := VM{Name: name, InstanceUUID: instance, Configured: configured, Template: template}
		vm.Stamp, _ = ParseStamp(text) // nil if it cannot be read
		proven := vm.Stamp != nil && vm.Stamp.Owner == owner && vm.Stamp.UID == uid && vm.Stamp.Instance == instance &&
			instance != "" && name != "" && configured
		switch got := Identify(owner, uid, vm); got {
		case Ours, ConvertedToTemplate:
			if !proven || (got == ConvertedToTemplate) != template {
				t.Errorf("%+v with stamp %q is %s to %q, %q", vm, text, got, owner, uid)
			}
		default:
			if proven {
				t.Errorf("%+v with stamp %q is %s to %q, %q", vm, text, got, owner, uid)
			}
		}
	})
}
