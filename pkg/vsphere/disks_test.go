package vsphere

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func onDS1(paths ...string) (files []DatastorePath) {
	for _, path := range paths {
		files = append(files, DatastorePath{"ds1", path})
	}
	return files
}

// TestForeignDisks names its rows by the numbers of the rules.
func TestForeignDisks(t *testing.T) {
	home := DatastorePath{"ds1", "web-0_1/web-0.vmx"}
	own := Disk{Key: 2000, Files: onDS1("web-0_1/web-0.vmdk")}
	for name, row := range map[string]struct {
		vmFile DatastorePath
		disk   Disk
		want   string // the words that say why; "" is the VM's own, "hidden" is hidden
	}{
		"1: first-class, in the stamp and at home":   {home, Disk{Key: 2000, Files: own.Files, FirstClass: true}, "first-class"},
		"1: first-class, nothing else is shown":      {DatastorePath{}, Disk{Key: 2000, FirstClass: true}, "first-class"},
		"2: another key, at home":                    {home, Disk{Key: 2001, Files: own.Files}, "template"},
		"2: another key, nothing else is shown":      {home, Disk{Key: 2001}, "template"},
		"3: no file is shown":                        {home, Disk{Key: 2000}, "hidden"},
		"3: the home is not shown":                   {DatastorePath{}, own, "hidden"},
		"4: another VM's file under a key of ours":   {home, Disk{Key: 2000, Files: onDS1("db-0/db-0.vmdk")}, "[ds1] web-0_1"},
		"4: on another datastore":                    {home, Disk{Key: 2000, Files: []DatastorePath{{"ds2", "web-0_1/web-0.vmdk"}}}, "directory"},
		"4: in a directory below":                    {home, Disk{Key: 2000, Files: onDS1("web-0_1/fcd/web-0.vmdk")}, "directory"},
		"4: in a directory above":                    {DatastorePath{"ds1", "a/web-0/web-0.vmx"}, Disk{Key: 2000, Files: onDS1("a/web-0.vmdk")}, "directory"},
		"4: in one whose name begins the same":       {home, Disk{Key: 2000, Files: onDS1("web-0_10/web-0.vmdk")}, "directory"},
		"4: in one whose name ends the same":         {home, Disk{Key: 2000, Files: onDS1("x/web-0_1/web-0.vmdk")}, "directory"},
		"4: in one that differs in case":             {home, Disk{Key: 2000, Files: onDS1("WEB-0_1/web-0.vmdk")}, "directory"},
		"4: in one that differs in a blank":          {home, Disk{Key: 2000, Files: onDS1(" web-0_1/web-0.vmdk")}, "directory"},
		"4: out of the home by ..":                   {home, Disk{Key: 2000, Files: onDS1("web-0_1/../db-0/web-0.vmdk")}, "directory"},
		"4: at the top of the datastore":             {home, Disk{Key: 2000, Files: onDS1("web-0.vmdk")}, "directory"},
		"4: the home is the top of the datastore":    {DatastorePath{"ds1", "web-0.vmx"}, Disk{Key: 2000, Files: onDS1("web-0.vmdk")}, "top of the datastore"},
		"4: a snapshot over another VM's file":       {home, Disk{Key: 2000, Files: onDS1("web-0_1/db-0-000001.vmdk", "db-0/db-0.vmdk")}, "has [ds1] db-0/db-0.vmdk below it"},
		"4: two snapshots over another VM's file":    {home, Disk{Key: 2000, Files: onDS1("web-0_1/b.vmdk", "web-0_1/a.vmdk", "db-0/db-0.vmdk")}, "below it"},
		"4: the top of a chain lies elsewhere":       {home, Disk{Key: 2000, Files: onDS1("db-0/a.vmdk", "web-0_1/web-0.vmdk")}, "[ds1] web-0_1"},
		"5: the template's disk, as it was cloned":   {home, own, ""},
		"5: with snapshots of its own":               {home, Disk{Key: 2000, Files: onDS1("web-0_1/b.vmdk", "web-0_1/a.vmdk", "web-0_1/web-0.vmdk")}, ""},
		"5: names with blanks and brackets":          {DatastorePath{"d [s] 1", "a ] b [c]/x y.vmx"}, Disk{Key: 2016, Files: []DatastorePath{{"d [s] 1", "a ] b [c]/z.vmdk"}}}, ""},
		"5: a home that lies deep, as one of a vApp": {DatastorePath{"ds1", "a/b/x.vmx"}, Disk{Key: 2000, Files: onDS1("a/b/y.vmdk")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			foreign, hidden := ForeignDisks(Stamp{Disks: []int32{2000, 2016}}, row.vmFile, []Disk{row.disk})
			if wantHidden := row.want == "hidden" || row.vmFile == (DatastorePath{}); hidden != wantHidden {
				t.Errorf("hidden: %t, want %t", hidden, wantHidden)
			}
			if wantForeign := row.want != "" && row.want != "hidden"; (len(foreign) == 1) != wantForeign {
				t.Fatalf("foreign: %v, want %q", foreign, row.want)
			}
			if len(foreign) == 1 && !strings.Contains(foreign[0].Why, row.want) {
				t.Errorf("it says %q, want %q", foreign[0].Why, row.want)
			}
		})
	}
}

// TestForeignDisksOfLinkedClones names its rows by the numbers of the rules. Both disks have a base.
func TestForeignDisksOfLinkedClones(t *testing.T) {
	const base = "[ds2] linux/linux.vmdk"
	stamp := Stamp{Disks: []int32{2000, 2016}, Base: []string{base, "[ds1] linux/data.vmdk"}}
	home := DatastorePath{"ds1", "web-0/web-0.vmx"}
	template := DatastorePath{"ds2", "linux/linux.vmdk"}
	on := func(below []DatastorePath, own ...string) []DatastorePath { return append(onDS1(own...), below...) }
	files := func(f ...DatastorePath) []DatastorePath { return f }
	for name, row := range map[string]struct {
		stamp  Stamp
		vmFile DatastorePath
		key    int32
		files  []DatastorePath
		want   string // the words that say why; "" is the VM's own
	}{
		"2: another key, on the base":                  {stamp, home, 2001, on(files(template), "web-0/web-0.vmdk"), "did not come from"},
		"4: the base itself":                           {stamp, home, 2000, files(template), "does not lie in the VM's own directory"},
		"4: the base itself, with its own base":        {stamp, home, 2000, files(template, DatastorePath{"ds2", "linux/first.vmdk"}), "does not lie in"},
		"4: another linked clone's disk":               {stamp, home, 2000, on(files(template), "web-1/web-1.vmdk"), "does not lie in the VM's own directory [ds1] web-0"},
		"4: another linked clone's below a snapshot":   {stamp, home, 2000, on(files(template), "web-0/s.vmdk", "web-1/web-1.vmdk"), "has [ds1] web-1/web-1.vmdk below it"},
		"4: what the template writes to now":           {stamp, home, 2000, on(files(DatastorePath{"ds2", "linux/now.vmdk"}, template), "web-0/s.vmdk"), "has [ds2] linux/now.vmdk below it"},
		"4: another snapshot of the template":          {stamp, home, 2000, on(files(DatastorePath{"ds2", "linux/v2.vmdk"}), "web-0/web-0.vmdk"), "nor is " + base},
		"4: what the base hangs on, without the base":  {stamp, home, 2000, on(files(DatastorePath{"ds2", "linux/first.vmdk"}), "web-0/web-0.vmdk"), "nor is " + base},
		"4: the template was moved":                    {stamp, home, 2000, on(files(DatastorePath{"ds3", "linux/linux.vmdk"}), "web-0/web-0.vmdk"), "undo that"},
		"4: its datastore was renamed":                 {stamp, home, 2000, on(files(DatastorePath{"ds2-old", "linux/linux.vmdk"}), "web-0/web-0.vmdk"), "undo that"},
		"4: the base of another disk":                  {stamp, home, 2016, on(files(template), "web-0/data.vmdk"), "nor is [ds1] linux/data.vmdk"},
		"4: the base of a stamp that names one only":   {Stamp{Disks: stamp.Disks, Base: stamp.Base[:1]}, home, 2016, on(files(template), "web-0/data.vmdk"), "has " + base + " below it, which does not lie"},
		"4: the base of a full clone":                  {Stamp{Disks: stamp.Disks}, home, 2000, on(files(template), "web-0/web-0.vmdk"), "has " + base + " below it, which does not lie"},
		"4: the home is the top of the datastore":      {stamp, DatastorePath{"ds1", "web-0.vmx"}, 2000, on(files(template), "web-0.vmdk"), "top of the datastore"},
		"5: as it was cloned":                          {stamp, home, 2000, on(files(template), "web-0/web-0.vmdk"), ""},
		"5: its second disk":                           {stamp, home, 2016, onDS1("web-0/data.vmdk", "linux/data.vmdk"), ""},
		"5: from a later snapshot, with what is below": {stamp, home, 2000, on(files(template, DatastorePath{"ds2", "linux/first.vmdk"}), "web-0/web-0.vmdk"), ""},
		"5: with snapshots of its own":                 {stamp, home, 2000, on(files(template), "web-0/b.vmdk", "web-0/a.vmdk", "web-0/web-0.vmdk"), ""},
		"5: moved, with all that is its own":           {stamp, DatastorePath{"ds3", "web-0_1/web-0.vmx"}, 2000, files(DatastorePath{"ds3", "web-0_1/web-0.vmdk"}, template), ""},
		"5: moved, and whole since":                    {stamp, DatastorePath{"ds3", "web-0_1/web-0.vmx"}, 2000, files(DatastorePath{"ds3", "web-0_1/web-0.vmdk"}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			foreign, hidden := ForeignDisks(row.stamp, row.vmFile, []Disk{{Key: row.key, Files: row.files}})
			if hidden || (len(foreign) == 1) != (row.want != "") {
				t.Fatalf("hidden %t, foreign %v, want %q", hidden, foreign, row.want)
			}
			if len(foreign) == 1 && !strings.Contains(foreign[0].Why, row.want) {
				t.Errorf("it says %q, want %q", foreign[0].Why, row.want)
			}
		})
	}
}

// TestForeignBaseBelowASnapshot attaches the base of a linked clone itself and takes a snapshot: the disk that is left looks like the
// VM's own, and the one that the snapshot holds does not.
func TestForeignBaseBelowASnapshot(t *testing.T) {
	stamp := Stamp{Disks: []int32{2000}, Base: []string{"[ds1] linux/linux.vmdk"}}
	foreign, _ := ForeignDisks(stamp, DatastorePath{"ds1", "web-0/web-0.vmx"}, []Disk{
		{Key: 2000, Files: onDS1("web-0/s.vmdk", "linux/linux.vmdk")}, {Key: 2000, Files: onDS1("linux/linux.vmdk")},
	})
	if len(foreign) != 1 || len(foreign[0].Files) != 1 {
		t.Errorf("foreign: %v", foreign)
	}
}

// TestForeignDisksOfSeveral finds the strangers among the VM's own, and what is hidden beside them.
func TestForeignDisksOfSeveral(t *testing.T) {
	foreign, hidden := ForeignDisks(Stamp{Disks: []int32{2000, 2001, 2002}}, DatastorePath{"ds1", "web-0/web-0.vmx"}, []Disk{
		{Key: 2000, Files: onDS1("web-0/web-0.vmdk")},
		{Key: 2001, Label: "Hard disk 2", Files: onDS1("db-0/db-0.vmdk")},
		{Key: 2002},
		{Key: 2003},
	})
	want := []string{
		"Hard disk 2, [ds1] db-0/db-0.vmdk: it does not lie in the VM's own directory [ds1] web-0",
		"disk 2003: it did not come from the VM's template",
	}
	var got []string
	for _, d := range foreign {
		got = append(got, d.String())
	}
	if !slices.Equal(got, want) || !hidden {
		t.Errorf("hidden %t, foreign %q, want %q", hidden, got, want)
	}
	if foreign, hidden := ForeignDisks(Stamp{}, DatastorePath{"ds1", "a/a.vmx"}, nil); len(foreign) > 0 || hidden {
		t.Errorf("a VM without disks has %v, hidden %t", foreign, hidden)
	}
}

// FuzzForeignDisks attaches a file from anywhere under a key of the template's: it passes only where every file begins with
// the home as it is spelled, and has nothing but a name behind it.
func FuzzForeignDisks(f *testing.F) {
	f.Add("ds1", "web-0/web-0.vmx", "ds1", "web-0/web-0.vmdk", "web-0/web-0.vmdk")
	f.Add("ds1", "web-0/web-0.vmx", "ds1", "web-0/a.vmdk", "db-0/a.vmdk")
	f.Add("ds1", "web-0.vmx", "ds1", "web-0.vmdk", "web-0.vmdk")
	f.Add("] ", "/", "] ", "//", "/")
	f.Fuzz(func(t *testing.T, vmStore, vmPath, diskStore, top, parent string) {
		vmFile := DatastorePath{vmStore, vmPath}
		disk := Disk{Key: 2000, Files: []DatastorePath{{diskStore, top}, {diskStore, parent}}}
		foreign, hidden := ForeignDisks(Stamp{Disks: []int32{2000}}, vmFile, []Disk{disk})
		home := fmt.Sprintf("[%s] %s", vmStore, vmPath[:strings.LastIndex(vmPath, "/")+1])
		proven := vmStore == diskStore && strings.LastIndex(vmPath, "/") > 0
		for _, path := range []string{top, parent} {
			rest, ok := strings.CutPrefix(fmt.Sprintf("[%s] %s", diskStore, path), home)
			proven = proven && ok && !strings.Contains(rest, "/")
		}
		if passes := len(foreign) == 0 && !hidden; passes != proven {
			t.Errorf("%s with %v passes: %t, want %t", vmFile, disk.Files, passes, proven)
		}
	})
}

func TestFirstDisk(t *testing.T) {
	for name, row := range map[string]struct {
		keys, own []int32
		want      int32 // 0: there is none
	}{
		"of a template":                 {[]int32{2001, 2000, 2002}, []int32{2000, 2001, 2002}, 2000},
		"beside one of somebody else's": {[]int32{2000, 2001}, []int32{2001}, 2001},
		"one was detached":              {[]int32{2001}, []int32{2000, 2001}, 2001},
		"none of its own":               {[]int32{2002}, []int32{2000}, 0},
		"none":                          {nil, []int32{2000}, 0},
	} {
		if got, ok := FirstDisk(row.keys, row.own); got != row.want || ok != (row.want != 0) {
			t.Errorf("%s: %d, %t, want %d", name, got, ok, row.want)
		}
	}
}

func TestDiskSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		GiB(20): "20 GiB", GiB(20) + GiB(1)/2: "20.5 GiB", GiB(20) + 1: "20 GiB", GiB(1) / 3: "0.333 GiB", GiB(63488): "63488 GiB",
	} {
		if got := DiskSize(bytes); got != want {
			t.Errorf("%d bytes: %s, want %s", bytes, got, want)
		}
	}
}
