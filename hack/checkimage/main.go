// Checkimage reads archives of one container image, as hack/build-image.sh writes them, and checks that they hold the same
// image: the controller and a CA bundle, nothing else, to be run by nobody in particular.
//
// It prints the digest of each. Whatever is wrong is printed, and it exits with 1.
package main

import (
	"errors"
	"fmt"
	"os"
)

// maxSize is what an image may have in bytes, uncompressed.
const maxSize = 60e6

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: checkimage ARCHIVE ...")
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(paths []string) error {
	var errs []error
	first := ""
	for _, path := range paths {
		image, err := readImage(path)
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		fmt.Printf("%s %.1f MB\n", image.digest, float64(image.size())/1e6)
		errs = append(errs, check(image)...)
		if first == "" {
			first = image.digest
		}
		if image.digest != first {
			errs = append(errs, fmt.Errorf("%s holds another image than %s", path, paths[0]))
		}
	}
	return errors.Join(errs...)
}
