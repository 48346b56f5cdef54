package login

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	refusedFor  = 5 * time.Minute
	window      = 180 * time.Second
	maxInWindow = 4
	// maxInWindowOfFile leaves room for the controller, whose record the file is not.
	maxInWindowOfFile = 3
	// maxUnanswered of those may have had no answer.
	maxUnanswered = 3

	// A guess costs some 50 ms of one core, and with 32 bits every four-billionth of all passwords looks right.
	hashIterations = 200_000
	hashBytes      = 4
	saltBytes      = 16
)

type outcome string

const (
	tried      outcome = "Tried" // begun, and not ended as far as is known
	refused    outcome = "Refused"
	notRefused outcome = "NotRefused"
	unanswered outcome = "Unanswered"
)

// record is what is remembered.
type record struct {
	Salt     string    `json:"salt"`
	Attempts []attempt `json:"attempts"` // oldest first
}

type attempt struct {
	User    string           `json:"user"`
	Hash    string           `json:"hash"`
	Time    metav1.MicroTime `json:"time"`
	Outcome outcome          `json:"outcome"`
}

// readRecord returns an empty record if there is none, or, with an error, if it cannot be read: then somebody has edited it.
func readRecord(text string) (*record, error) {
	if text == "" {
		return &record{}, nil
	}
	var r record
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return &record{}, err
	}
	return &r, nil
}

func (r *record) text() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("write the record of logins: %w", err)
	}
	return string(text), nil
}

// hash makes the salt with the first hash.
func (r *record) hash(user, password string, iterations int) (string, error) {
	salt, err := base64.RawStdEncoding.DecodeString(r.Salt)
	if err != nil || len(salt) < saltBytes {
		salt = make([]byte, saltBytes)
		rand.Read(salt) // never fails
		r.Salt = base64.RawStdEncoding.EncodeToString(salt)
	}
	key, err := pbkdf2.Key(sha256.New, fmt.Sprintf("%d:%s%s", len(user), user, password), salt, iterations, hashBytes)
	if err != nil {
		return "", fmt.Errorf("hash the credentials: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(key), nil
}

// prune drops what no rule asks for any more, and what a clock that was wrong has dated into the future.
func (r *record) prune(now time.Time) {
	r.Attempts = slices.DeleteFunc(r.Attempts, func(a attempt) bool {
		age := now.Sub(a.Time.Time)
		return a.Outcome == notRefused || age >= refusedFor || age < -refusedFor
	})
}

// wait returns how long an attempt with this hash must wait, and how long one with any other, 0 if it need not. The record is
// pruned, but for what has just been ended.
func (r *record) wait(now time.Time, hash string, limit int) (same, other time.Duration) {
	var recent, silent []time.Time // attempts of rule 3, and those of rule 5
	for _, a := range r.Attempts {
		if a.Outcome == notRefused { // rule 4
			continue
		}
		if a.Hash == hash && a.Outcome != unanswered { // rule 1
			same = max(same, a.Time.Add(refusedFor).Sub(now))
		}
		if now.Sub(a.Time.Time) >= window {
			continue
		}
		recent = append(recent, a.Time.Time)
		if a.Outcome == unanswered {
			silent = append(silent, a.Time.Time)
		}
	}
	other = max(full(recent, limit, now), full(silent, maxUnanswered, now))
	return max(same, other), other
}

// full returns how long it takes until less than limit of the attempts lie within the window.
func full(attempts []time.Time, limit int, now time.Time) time.Duration {
	if len(attempts) < limit {
		return 0
	}
	return attempts[len(attempts)-limit].Add(window).Sub(now)
}

// end notes what came of an attempt. One that is not on record any more is too old to matter.
func (r *record) end(mine attempt, came outcome) {
	for i, a := range r.Attempts {
		if a.Hash == mine.Hash && a.Time.Equal(&mine.Time) {
			r.Attempts[i].Outcome = came
		}
	}
}

// holdsBack reports whether there is an attempt that a rule asks for.
func (r *record) holdsBack() bool {
	return slices.ContainsFunc(r.Attempts, func(a attempt) bool { return a.Outcome != notRefused })
}
