package inventory

import (
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// folder is one folder, or one vApp, which counts as a child only.
type folder struct {
	name   string
	parent vsphere.Ref
	vApp   bool
}

// FolderUpdate says something of a folder or a vApp. What is empty stays as it was.
type FolderUpdate struct {
	Name   string // unescaped
	Parent vsphere.Ref
	VApp   bool // of the parent, if there is one
}

// FolderRead is what a read has answered of a folder or a vApp.
type FolderRead struct {
	Ref vsphere.Ref
	FolderUpdate
}

// childKey finds a folder by name. Names are unique within a folder.
type childKey struct {
	parent vsphere.Ref
	name   string
}

// location is where a folder is.
type location struct {
	path      string // see pathOf
	underRoot bool   // see holdsUnderRoot
}
