package app

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestHealth(t *testing.T) {
	h := newHealth(time.Second)
	server := httptest.NewServer(h.handler())
	defer server.Close()
	want := func(step, path string, code int, text string) {
		t.Helper()
		response, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode != code || string(body) != text {
			t.Errorf("%s: %s: got %d\n%s\nwant %d\n%s", step, path, response.StatusCode, body, code, text)
		}
	}
	const alive = "[+]ping ok\n[+]leader-election ok\nlivez check passed\n"
	want("start", "/livez", 200, alive)
	want("start", "/readyz", 500, "[-]kubernetes failed: has not been asked yet\n[+]leader-election ok\nreadyz check failed\n")
	h.cluster.set(nil)
	want("standby", "/readyz", 200, "[+]kubernetes ok\n[+]leader-election ok\nreadyz check passed\n")
	h.setWorking(check{"vcenter", func() error { return errors.New("it does not answer") }})
	want("no vCenter", "/readyz", 500, "[+]kubernetes ok\n[+]leader-election ok\n[-]vcenter failed: it does not answer\nreadyz check failed\n")
	want("no vCenter", "/livez", 200, alive)
	h.setWorking()
	want("standby again", "/readyz", 200, "[+]kubernetes ok\n[+]leader-election ok\nreadyz check passed\n")
}
