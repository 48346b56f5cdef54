package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// desk is the directory in which a user follows the instructions: it has the manifests, and what the user has written.
type desk struct {
	dir      string
	blocks   map[string][]string // commands of the pages that users follow, block by block, by section
	followed map[string]bool
}

func newDesk(t *testing.T, dir, namespace string) *desk {
	t.Helper()
	d := &desk{dir: dir, blocks: map[string][]string{}, followed: map[string]bool{}}
	harness.Must(t, os.Symlink(filepath.Join(absolute(t, harness.Root()), "artifacts"), filepath.Join(d.dir, "artifacts")))
	harness.Must(t, os.Symlink(absolute(t, cluster.Binary()), filepath.Join(d.dir, "kubectl")))
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig())
	harness.Must(t, err)
	config.Contexts[config.CurrentContext].Namespace = namespace
	harness.Must(t, clientcmd.WriteToFile(*config, filepath.Join(d.dir, "kubeconfig")))
	for _, page := range []string{"install.md", "classes.md", "guests.md"} {
		text, err := os.ReadFile(filepath.Join(harness.Root(), "docs", page))
		harness.Must(t, err)
		d.read(string(text))
	}
	return d
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	harness.Must(t, err)
	return path
}

func (d *desk) read(text string) {
	section, inside, commands := "", false, false
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "```"):
			commands = strings.TrimSpace(line) == "```" // others say what language they are
			if inside = !inside; inside && commands {
				d.blocks[section] = append(d.blocks[section], "")
			}
		case inside && !commands:
		case inside:
			blocks := d.blocks[section]
			blocks[len(blocks)-1] += line
		case strings.HasPrefix(line, "#"):
			section = strings.TrimSpace(strings.TrimLeft(line, "#"))
		}
	}
}

// follow runs the commands of a block of a section of such a page, as they stand there.
func (s *site) follow(section string, block int) {
	s.T.Helper()
	if block >= len(s.desk.blocks[section]) {
		s.T.Fatalf("docs has no block %d of commands below %q", block, section)
	}
	s.desk.followed[fmt.Sprint(section, block)] = true
	cmd := exec.CommandContext(s.T.Context(), "sh", "-ec", s.desk.blocks[section][block])
	cmd.Dir = s.desk.dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(s.desk.dir, "kubeconfig"), "PATH="+s.desk.dir+":"+os.Getenv("PATH"))
	if out, err := cmd.CombinedOutput(); err != nil {
		s.T.Fatalf("docs, %s: %v\n%s", section, err, out)
	}
}

// allFollowed fails if such a page shows commands that nobody has run.
func (s *site) allFollowed() {
	s.T.Helper()
	for section, blocks := range s.desk.blocks {
		for i := range blocks {
			if !s.desk.followed[fmt.Sprint(section, i)] {
				s.T.Errorf("docs, %s: not tried:\n%s", section, blocks[i])
			}
		}
	}
}
