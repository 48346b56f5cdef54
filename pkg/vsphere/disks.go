package vsphere

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// FirstDisk returns which of the device keys of a VM's disks is its first disk: the lowest of those that came from the template,
// which its stamp names. Of a template, all are its own. It returns false if there is none.
func FirstDisk(keys, own []int32) (first int32, ok bool) {
	for _, key := range keys {
		if slices.Contains(own, key) && (!ok || key < first) {
			first, ok = key, true
		}
	}
	return first, ok
}

// CompareDisk compares the first disk of a VM with a size in GiB, as cmp.Compare does. What is not known is equal, and so is a size
// of 0, which asks for nothing.
func CompareDisk(vm *VM, gib int32) int {
	if gib == 0 || vm.DiskBytes == 0 {
		return 0
	}
	return cmp.Compare(vm.DiskBytes, GiB(gib))
}

// GiB returns a number of GiB in bytes.
func GiB(n int32) int64 { return int64(n) << 30 }

// DiskSize returns the size of a disk as people write it: in GiB, with as many decimals as it takes to tell it from its
// neighbours, three at most.
func DiskSize(bytes int64) string {
	return strconv.FormatFloat(math.Round(float64(bytes)/(1<<30)*1000)/1000, 'f', -1, 64) + " GiB"
}

// DatastorePath is a file on a datastore. Both parts are compared exactly, as a datastore does.
type DatastorePath struct {
	Datastore string // its name
	Path      string // of the file, from the datastore's top
}

// String returns the path as vCenter writes it, such as "[ds1] web-0/web-0.vmdk".
func (p DatastorePath) String() string { return strings.TrimSuffix("["+p.Datastore+"] "+p.Path, " ") }

// Dir returns the directory that holds the file: all but the last element of its path, and no path at all for a file at the
// top of the datastore. Nothing is cleaned: a path that goes by "." or ".." lies in no directory but the one it spells.
func (p DatastorePath) Dir() DatastorePath {
	return DatastorePath{p.Datastore, p.Path[:max(0, strings.LastIndex(p.Path, "/"))]}
}

// Disk is one virtual disk of a VM, as far as it tells whose it is.
type Disk struct {
	Key   int32  // device key: it says at which controller and unit the disk is, and is used again
	Label string // for people; may be empty
	// Files are the files of its backing, the top of the chain first, then the parents that snapshots have left below it.
	// It is empty if vCenter does not show all of them.
	Files []DatastorePath
	// FirstClass is true for a disk with a life of its own (vDiskId), as the container storage driver makes them.
	FirstClass bool
}

// ForeignDisk is a disk that must not be destroyed with the VM that it is attached to.
type ForeignDisk struct {
	Disk
	// Why it is foreign, in words that go on from "it".
	Why string
}

// String names the disk, its file, and why it is foreign.
func (d ForeignDisk) String() string {
	name := d.Label
	if name == "" {
		name = fmt.Sprintf("disk %d", d.Key)
	}
	if len(d.Files) > 0 {
		name += ", " + d.Files[0].String()
	}
	return name + ": it " + d.Why
}

// ForeignDisks returns the disks of a VM that vCenter would delete with it and that are not the VM's own, and whether
// something is hidden that it takes to know. disks are those of the VM and of all its snapshots: a disk that was detached
// after a snapshot was taken is the snapshot's still, and goes with the VM. vmFile is the VM's configuration file (config.files.vmPathName), whose
// directory is the VM's home; it is the zero value if that could not be read. A disk is
//
//  1. foreign, if it is a first-class disk
//  2. foreign, if its key is not in the stamp: it did not come from the template
//  3. hidden, if its files or the VM's home are not shown: what is hidden is nobody's to destroy
//  4. foreign, if any file of its chain does not lie in the VM's home, on the same datastore: a key is used again, so that
//     somebody else's disk may have the key of one of the template's. A home at the top of a datastore is shared with
//     everybody, and is nobody's. Of a linked clone, the chain ends above the base: the file that the stamp names for this very
//     key. The top is never the base: it always lies in the home
//  5. the VM's own
//
// Rule 4 holds for the whole chain, and not for its top alone, because no file of a full clone lies anywhere else. A snapshot that
// was taken over somebody else's disk has its top in the VM's home and the stranger's file below it, and vCenter deletes both.
//
// Of a linked clone, vCenter deletes the files that were made for it, and keeps those that it was made on. Which those are, the
// stamp says, as they were called then: the base, and whatever that hangs on itself. What the VM has above it, from the clone or
// from snapshots, lies in its home. So a disk of another linked clone is foreign, although it has the same base, and so is the
// base if it is attached itself, also below a snapshot: the disk that the snapshot holds has it at the top. A base that is not
// where it was is not known any more: the disk is foreign until it is back. A disk that has become whole, as by a storage
// migration, has no base, and is judged as that of a full clone.
//
// A raw device mapping is judged by its mapping file, as any other: vCenter deletes that, and never what is on the device.
func ForeignDisks(stamp Stamp, vmFile DatastorePath, disks []Disk) (foreign []ForeignDisk, hidden bool) {
	home := vmFile.Dir()
	hidden = vmFile == DatastorePath{}
	for _, d := range disks {
		base := stamp.baseOf(d.Key)
		switch stray, lies := outside(home, above(base, d.Files)); {
		case d.FirstClass:
			foreign = append(foreign, ForeignDisk{d, "is a first-class disk, which outlives the VM"})
		case !slices.Contains(stamp.Disks, d.Key):
			foreign = append(foreign, ForeignDisk{d, "did not come from the VM's template"})
		case len(d.Files) == 0 || vmFile == DatastorePath{}:
			hidden = true
		case home.Path == "":
			foreign = append(foreign, ForeignDisk{d, "lies at the top of the datastore, where any VM's files may lie"})
		case lies:
			foreign = append(foreign, ForeignDisk{d, whyStray(stray, home, base, d)})
		}
	}
	return foreign, hidden
}

// whyStray says why a disk is foreign with a file that lies outside the home. base is empty if it has none.
func whyStray(stray, home DatastorePath, base string, d Disk) string {
	switch {
	case stray == d.Files[0]:
		return "does not lie in the VM's own directory " + home.String()
	case base == "":
		return "has " + stray.String() + " below it, which does not lie in the VM's own directory " + home.String()
	default:
		return fmt.Sprintf("has %s below it, which neither lies in the VM's own directory %s nor is %s, the file of the template that the VM was cloned from; if the template or its datastore was moved or renamed since, undo that",
			stray, home, base)
	}
}

// baseOf returns the file that the disk of a linked clone has below it, by its key. It is empty if the stamp names none.
func (s Stamp) baseOf(key int32) string {
	i := slices.Index(s.Disks, key)
	if i < 0 || i >= len(s.Base) {
		return ""
	}
	return s.Base[i]
}

// above returns the files of a chain above a base: all if that is not among them. The top is always one.
func above(base string, files []DatastorePath) []DatastorePath {
	for i, f := range files {
		if i > 0 && f.String() == base {
			return files[:i]
		}
	}
	return files
}

// outside returns the first of some files that does not lie in a directory itself: what lies deeper is not in it.
func outside(dir DatastorePath, files []DatastorePath) (DatastorePath, bool) {
	i := slices.IndexFunc(files, func(f DatastorePath) bool { return f.Dir() != dir })
	if i < 0 {
		return DatastorePath{}, false
	}
	return files[i], true
}
