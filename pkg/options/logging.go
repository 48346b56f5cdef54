package options

import (
	"flag"
	"log/slog"
	"os"
	"strconv"

	"k8s.io/klog/v2"
)

// AddLoggingFlags registers -v and -vmodule, the only ones of klog's flags that we offer. klog is one per process, and so
// this is for main alone.
func AddLoggingFlags(fs *flag.FlagSet) {
	all := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(all)
	for _, name := range []string{"v", "vmodule"} {
		f := all.Lookup(name)
		fs.Var(f.Value, f.Name, f.Usage)
	}
}

// StartLogging makes klog write in the format that was asked for, to stderr. It comes after the flags were parsed. With
// json, -vmodule has no effect.
func (o *Options) StartLogging(fs *flag.FlagSet) {
	if o.LoggingFormat != LoggingFormatJSON {
		return
	}
	verbosity := 0
	if f := fs.Lookup("v"); f != nil {
		verbosity, _ = strconv.Atoi(f.Value.String()) // the flag takes nothing but a number
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.Level(-verbosity)})
	klog.SetSlogLogger(slog.New(handler))
}
