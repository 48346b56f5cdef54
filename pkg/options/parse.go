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
