package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/vmgroup/vmgroup-controller/hack/vcsim/control"
)

// followWait is how long one look into the journal waits for entries.
const followWait = 10 * time.Second

// followJournal prints the journal, an entry a line, until ctx ends.
func followJournal(ctx context.Context, c *control.Client, out io.Writer, _ []string) error {
	for since := int64(0); ; {
		entries, err := c.Journal(ctx, since, followWait)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			since = e.Seq
			if _, err := fmt.Fprintln(out, e); err != nil {
				return err
			}
		}
	}
}
