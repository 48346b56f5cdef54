package options

import (
	"errors"
	"flag"
	"fmt"
	"io"
)

// Parse parses the command line and validates the result. Everything that is wrong is returned at once, one line each,
// without the list of all flags. With -help it prints that list and returns flag.ErrHelp.
func (o *Options) Parse(fs *flag.FlagSet, args []string) []error {
	out := fs.Output()
	fs.SetOutput(io.Discard)
	err := fs.Parse(args)
	fs.SetOutput(out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.Usage()
		return []error{err}
	case err != nil:
		return []error{fmt.Errorf("%w; -help lists all flags", err)}
	case o.Version:
		return nil
	}
	return append(o.Validate(), noArguments(fs.Args())...)
}

// Explain prints what Parse has returned, and returns the code to exit with: 2, but 0 where help was asked for.
func Explain(w io.Writer, errs []error) (code int) {
	if errors.Is(errors.Join(errs...), flag.ErrHelp) {
		return 0
	}
	for _, err := range errs {
		fmt.Fprintln(w, err)
	}
	return 2
}
