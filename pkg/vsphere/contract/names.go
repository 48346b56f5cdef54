package contract

import (
	"strings"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
)

// A name may hold what parts names in a path. Names cross the port as people write them; in paths they are escaped.
var nameScenarios = []scenario{
	{name: "a template", run: func(f *fixture) {
		odd := f.AddTemplate(templateFolder+"/we%2fird", `50%/a\b`)
		const path = "we%2fird/50%25%2fa%5cb"
		f.finds(path, odd)
		f.finds("50%25%2fa%5cb", odd)
		f.finds("50%%2Fa%5Cb", odd) // as people may write it
		f.lacks(`50%/a\b`, "TemplateNotFound")
		f.lacks("we/ird/50%25%2fa%5cb", "TemplateNotFound")
		if found, err := f.Client().FindTemplate(f.t.Context(), f.group, "", path); !strings.HasSuffix(found.Path, "/"+templateFolder+"/"+path) {
			f.t.Errorf("path %q, %v", found.Path, err)
		}
	}},
	{name: "a VM", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		const name = `a/b\c 100% %2f`
		f.Rename(vm.Ref, vsphere.EscapeName(name))
		f.await(f.group, "the name", func(s vsphere.Snapshot) bool {
			got, ok := byRef(s, vm.Ref)
			return ok && got.Name == name
		})
	}},
	{name: "a folder", run: func(f *fixture) {
		vm := f.made(f.group, 0)
		f.RenameFolder(RootFolder+"/default/web", vsphere.EscapeName(`a/b\c 100%`))
		s := f.await(f.group, "the folder's name", func(s vsphere.Snapshot) bool {
			return len(s.Folders) == 1 && s.Folders[0].Name == `a/b\c 100%`
		})
		got, _ := byRef(s, vm.Ref)
		if want := "/default/a%2fb%5cc 100%25"; !strings.HasSuffix(s.Folders[0].Path, want) || got.ParentPath != s.Folders[0].Path {
			f.t.Errorf("paths %q and %q, want %q", s.Folders[0].Path, got.ParentPath, want)
		}
		f.Restart()
		s = f.snapshot(f.group)
		if len(s.Folders) != 1 || s.Folders[0].Name != `a/b\c 100%` {
			f.t.Errorf("after a restart: %s", describe(s))
		}
	}},
}
