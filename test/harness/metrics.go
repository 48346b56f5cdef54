package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// serving finds the address of a server in a log, as text or as JSON.
var serving = regexp.MustCompile(`"Serving"[^\n]*?address"?[=:]"([^"]+)"`)

// Metrics reads what the process shows at /metrics: the value of each name, summed up over all labels.
func (c *Child) Metrics(ctx context.Context) (map[string]float64, error) {
	text, err := c.MetricsText(ctx)
	if err != nil {
		return nil, err
	}
	return readMetrics(text)
}

// MetricsText reads what the process shows at /metrics.
func (c *Child) MetricsText(ctx context.Context) (string, error) {
	log, err := os.Open(c.log.Name())
	if err != nil {
		return "", err
	}
	start, err := io.ReadAll(io.LimitReader(log, 64<<10)) // of a log that may be long
	if err = errors.Join(err, log.Close()); err != nil {
		return "", err
	}
	return scrape(ctx, string(start))
}

// ReadMetrics reads the metrics of a process that writes this log: the value of each name, summed up over all labels. Like
// MetricsText it takes "-health-addr 0".
func ReadMetrics(ctx context.Context, log string) (map[string]float64, error) {
	text, err := scrape(ctx, log)
	if err != nil {
		return nil, err
	}
	return readMetrics(text)
}

// MetricsText reads what the controller shows at /metrics. It must run with "-health-addr 0", or with another order of
// servers the wrong one is asked.
func (c *Controller) MetricsText(ctx context.Context) (string, error) { return scrape(ctx, c.Log()) }

// scrape reads the metrics from the first server that a log tells of.
func scrape(ctx context.Context, log string) (string, error) {
	code, text, err := get(ctx, log, "/metrics")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("/metrics answers %d: %s", code, text)
	}
	return text, err
}

// Get reads a path of the server for metrics. Like MetricsText it takes "-health-addr 0".
func (c *Controller) Get(ctx context.Context, path string) (code int, body string, err error) {
	return get(ctx, c.Log(), path)
}

// get reads a path from the first server that a log tells of.
func get(ctx context.Context, log, path string) (code int, body string, err error) {
	match := serving.FindStringSubmatch(log)
	if match == nil {
		return 0, "", errors.New("the controller does not serve metrics yet")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+match[1]+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), errors.Join(err, res.Body.Close())
}

func readMetrics(text string) (map[string]float64, error) {
	out := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := lines.Text()
		i := strings.LastIndexByte(line, ' ')
		if i < 0 || line[0] == '#' {
			continue
		}
		value, err := strconv.ParseFloat(line[i+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("metric %q: %w", line, err)
		}
		name, _, _ := strings.Cut(line[:i], "{")
		out[name] += value
	}
	return out, lines.Err()
}
