package harness

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"syscall"
)

// Loss says which part of the calls goes wrong, from 0 to 1.
type Loss struct {
	Answers  float64 // carried out, and the connection breaks before the answer
	Requests float64 // sent, and the connection breaks before the server has the request
}

// LossyLine is a line to a server that loses calls of every kind at random. It loses nothing until Lose is called. It is
// safe for concurrent use.
type LossyLine struct {
	mu     sync.Mutex
	random *rand.Rand
	loss   Loss
	lost   int
}

// NewLossyLine returns a line. What it loses follows from the seed, as far as the order of the calls does not vary.
func NewLossyLine(seed uint64) *LossyLine {
	return &LossyLine{random: rand.New(rand.NewPCG(seed, seed))}
}

// Lose loses that much from now on.
func (l *LossyLine) Lose(loss Loss) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loss = loss
}

// Lost returns how many calls went wrong.
func (l *LossyLine) Lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// draw decides what becomes of a call.
func (l *LossyLine) draw() (request, answer bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.random.Float64()
	request = x < l.loss.Requests
	answer = !request && x < l.loss.Requests+l.loss.Answers
	if request || answer {
		l.lost++
	}
	return request, answer
}

// Wrap returns a transport that is this line.
func (l *LossyLine) Wrap(next http.RoundTripper) http.RoundTripper {
	return &lossyTransport{next: next, line: l}
}

type lossyTransport struct {
	next http.RoundTripper
	line *LossyLine
}

// CloseIdleConnections is called by http.Client.
func (t *lossyTransport) CloseIdleConnections() {
	if next, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		next.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *lossyTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	request, answer := t.line.draw()
	if request {
		return nil, errors.Join(syscall.ECONNRESET, loseRequest(r))
	}
	res, err := t.next.RoundTrip(r)
	if err != nil || !answer {
		return res, err
	}
	_, err = io.Copy(io.Discard, res.Body)
	return nil, errors.Join(syscall.ECONNRESET, err, res.Body.Close())
}

// loseRequest drops a request that counts as sent: its client cannot know how far it has come.
func loseRequest(r *http.Request) error {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	if r.Body == nil {
		return nil
	}
	return r.Body.Close()
}
