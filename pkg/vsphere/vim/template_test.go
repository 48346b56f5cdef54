package vim_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/vmgroup/vmgroup-controller/pkg/vsphere"
	"github.com/vmgroup/vmgroup-controller/pkg/vsphere/vim"
	"github.com/vmgroup/vmgroup-controller/test/harness/vcsim"
)

func reasonOf(err error) string {
	e, ok := errors.AsType[*vsphere.Error](err)
	if !ok {
		return ""
	}
	return e.Reason
}

func TestTemplateFolderThatAppears(t *testing.T) {
	heard := &notifier{}
	sim := startSimulator(t, vcsim.Options{})
	cfg := configFor(sim, heard)
	cfg.TemplateFolder = "golden/images"
	v, _ := run(t, cfg)
	awaitSynced(t, v)
	_, err := findTemplate(t, v, web, "linux")
	if reasonOf(err) != "TemplateNotFound" || !strings.Contains(err.Error(), "does not exist") {
		t.Fatalf("%s: %v", reasonOf(err), err)
	}
	before := heard.one.Load()
	_, err = sim.Control.AddTemplate(t.Context(), "linux", "golden/images")
	must(t, err)
	await(t, "the group is woken", func() bool { return heard.one.Load() > before })
	await(t, "the template is found", func() bool {
		found, err := findTemplate(t, v, web, "linux")
		return err == nil && found.Path == "/DC0/vm/golden/images/linux"
	})
}

func TestTemplateNames(t *testing.T) {
	sim := startSimulator(t, vcsim.Options{})
	for _, template := range []struct{ folder, name string }{
		{"images", "linux"}, {"images/old", "linux"}, {"images", "bsd"}, {"elsewhere", "bsd"}, {"images", "l*"},
	} {
		_, err := sim.Control.AddTemplate(t.Context(), template.name, template.folder)
		must(t, err)
	}
	_, err := sim.Control.AddForeignVM(t.Context(), "images", "running")
	must(t, err)
	for _, tt := range []struct {
		folder, name string
		reason, path string
	}{
		{"images", "", "TemplateEmpty", ""},
		{"images", "/", "TemplateEmpty", ""},
		{"images", "windows", "TemplateNotFound", ""},
		{"images", "Linux", "TemplateNotFound", ""},
		{"images", "lin?x", "TemplateNotFound", ""},
		{"images", "../elsewhere/bsd", "TemplateNotFound", ""},
		{"images", "/DC0/vm/elsewhere/bsd", "TemplateNotFound", ""},
		{"images", "running", "TemplateUnusable", ""},
		{"images", "linux", "TemplateAmbiguous", ""},
		{"images", "old/linux", "", "/DC0/vm/images/old/linux"},
		{"images", "/DC0/vm/images/linux", "", "/DC0/vm/images/linux"},
		{"images", "bsd", "", "/DC0/vm/images/bsd"},
		{"images", "l*", "", "/DC0/vm/images/l*"},
		{"", "bsd", "TemplateAmbiguous", ""},
		{"", "elsewhere/bsd", "", "/DC0/vm/elsewhere/bsd"},
		{"", "running", "TemplateUnusable", ""},
	} {
		v := connected(t, sim, tt.folder)
		found, err := findTemplate(t, v, web, tt.name)
		if reasonOf(err) != tt.reason || found.Path != tt.path {
			t.Errorf("%q below %q: %s %v, path %q; want %s, path %q", tt.name, tt.folder, reasonOf(err), err, found.Path, tt.reason, tt.path)
		}
		if tt.reason == "TemplateAmbiguous" && !strings.Contains(err.Error(), "/DC0/vm/images/") {
			t.Errorf("%q does not list the paths", err)
		}
	}
}

func connected(t *testing.T, sim *vcsim.Process, templates string) *vim.VCenter {
	t.Helper()
	cfg := configFor(sim, &notifier{})
	cfg.TemplateFolder = templates
	v, _ := run(t, cfg)
	awaitSynced(t, v)
	return v
}
