package observability

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/vmgroup/vmgroup-controller/test/harness"
)

// read returns a file of the repository.
func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{harness.Root()}, path...)...))
	harness.Must(t, err)
	return string(text)
}

// metric is a row of docs/metrics.md.
type metric struct {
	kind   string
	labels []string // sorted
}

var (
	metricRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z]+) \\| ([^|]*) \\|")
	labelName = regexp.MustCompile("`([a-z_]+)`")
)

// documented returns the metrics in docs/metrics.md, which is checked to be made from the source of the metrics.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	out := map[string]metric{}
	for _, row := range metricRow.FindAllStringSubmatch(read(t, "docs", "metrics.md"), -1) {
		m := metric{kind: row[2]}
		for _, label := range labelName.FindAllStringSubmatch(row[3], -1) {
			m.labels = append(m.labels, label[1])
		}
		slices.Sort(m.labels)
		out[row[1]] = m
	}
	if len(out) == 0 {
		t.Fatal("docs/metrics.md lists no metric")
	}
	return out
}

var (
	quotedText = regexp.MustCompile(`"[^"]*"`)
	// A name before a brace, a bracket, an operator or the end; functions are followed by a parenthesis or by and, by, unless.
	metricName = regexp.MustCompile(`\b([a-z]+(?:_[a-z]+)+)\b(?:\s*(\())?`)
	matchers   = regexp.MustCompile(`\{([^{}]*)\}`)
	grouping   = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left)\s*\([^()]*\)`)
)

// metricsOf returns the names of the metrics in an expression, as docs/metrics.md has them.
func metricsOf(expr string) []string {
	expr = quotedText.ReplaceAllString(expr, `""`)
	expr = matchers.ReplaceAllString(expr, "")
	expr = grouping.ReplaceAllString(expr, "")
	var out []string
	for _, m := range metricName.FindAllStringSubmatch(expr, -1) {
		if m[2] == "" {
			out = append(out, m[1])
		}
	}
	return out
}

// wantDocumented checks that an expression speaks of metrics that there are. It returns how many.
func wantDocumented(t *testing.T, where, expr string, docs map[string]metric) int {
	t.Helper()
	names := metricsOf(expr)
	for _, name := range names {
		family := name
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if base := strings.TrimSuffix(name, suffix); docs[base].kind == "histogram" {
				family = base
			}
		}
		if _, ok := docs[family]; !ok && !strings.HasPrefix(name, "process_") && !strings.HasPrefix(name, "go_") {
			t.Errorf("%s asks for %s, which docs/metrics.md does not have", where, name)
		}
	}
	return len(names)
}

func TestMetricsOf(t *testing.T) {
	got := metricsOf(`histogram_quantile(0.9, sum by (le, some_label) (rate(a_bucket{x="not_a_metric",some_label=~"y"}[5m]))) > 0 and on (b_c) absent_over_time(d_e[1h] offset 5m)`)
	if want := []string{"a_bucket", "d_e"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// TestAlerts checks that each alert speaks of metrics that there are, and has a section in the runbook, and the other way
// round. When they fire is tested by promtool: see hack/verify-alerts.sh.
func TestAlerts(t *testing.T) {
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert, Expr         string
					Labels, Annotations map[string]string
				}
			}
		}
	}
	harness.Must(t, yaml.Unmarshal([]byte(read(t, "artifacts", "monitoring", "prometheusrule.yaml")), &rule))
	docs, cases := documented(t), read(t, "test", "alerts", "alerts.yaml")
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (.*)$`).FindAllStringSubmatch(read(t, "docs", "runbook.md"), -1) {
		sections[heading[1]] = true
	}
	for _, r := range rule.Spec.Groups[0].Rules {
		if r.Alert != "VmGroupControllerAbsent" && wantDocumented(t, r.Alert, r.Expr, docs) == 0 {
			t.Errorf("%s asks for no metric at all", r.Alert)
		}
		if !sections[r.Alert] {
			t.Errorf("%s has no section in docs/runbook.md", r.Alert)
		}
		delete(sections, r.Alert)
		if url := r.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbook.md#"+strings.ToLower(r.Alert)) {
			t.Errorf("the runbook of %s is %s", r.Alert, url)
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" || r.Labels["severity"] == "" {
			t.Errorf("%s lacks a summary, a description or a severity", r.Alert)
		}
		if !strings.Contains(cases, `alertname="`+r.Alert+`"`) {
			t.Errorf("no case in test/alerts shows %s firing", r.Alert)
		}
	}
	if len(sections) > 0 {
		t.Errorf("docs/runbook.md has sections of no alert: %v", slices.Collect(maps.Keys(sections)))
	}
}

// TestDashboard checks that each panel has a title, a place of its own, and queries of metrics that there are.
func TestDashboard(t *testing.T) {
	var board struct {
		UID, Title string
		Panels     []struct {
			ID      int
			Type    string
			Title   string
			GridPos struct{ H, W, X, Y int }
			Targets []struct{ Expr string }
		}
	}
	harness.Must(t, json.Unmarshal([]byte(read(t, "artifacts", "monitoring", "dashboard.json")), &board))
	docs, asked := documented(t), map[string]bool{}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" {
			t.Errorf("panel %q has the ID %d of another one, or no title", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken || x >= 24 {
					t.Fatalf("panel %q lies over %q, or beyond the edge", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %q asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			if wantDocumented(t, "panel "+p.Title, target.Expr, docs) == 0 {
				t.Errorf("panel %q asks for no metric at all: %s", p.Title, target.Expr)
			}
			for _, name := range metricsOf(target.Expr) {
				asked[strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_count")] = true
			}
		}
	}
	for name := range docs {
		if strings.HasPrefix(name, "vmgroup_") && !asked[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}
