package main

import (
	"bytes"
	"crypto/x509"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

const (
	binaryPath = "vmgroup-controller"
	bundlePath = "etc/ssl/certs/ca-certificates.crt"
	user       = "65532:65532"
)

// check returns what is wrong with an image.
func check(i *image) []error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if got, want := slices.Sorted(maps.Keys(i.files)), []string{bundlePath, binaryPath}; !slices.Equal(got, want) {
		wrong("it holds %q, want %q", got, want)
	}
	if got := i.size(); got > maxSize {
		wrong("it has %d bytes, want %.0f at most", got, maxSize)
	}
	c := i.config.Config
	if c.User != user || !slices.Equal(c.Entrypoint, []string{"/" + binaryPath}) || len(c.Cmd) > 0 {
		wrong("it runs %q %q as user %q, want /%s as %s", c.Entrypoint, c.Cmd, c.User, binaryPath, user)
	}
	for _, variable := range c.Env {
		if !strings.HasPrefix(variable, "PATH=") {
			wrong("it sets %s, want no environment", variable)
		}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(i.files[bundlePath].content) {
		wrong("%s holds no certificate", bundlePath)
	}
	if err := checkBinary(i); err != nil {
		wrong("%s: %w", binaryPath, err)
	}
	return errs
}

// checkBinary runs the binary if this machine can.
func checkBinary(i *image) error {
	binary := i.files[binaryPath]
	executable, err := elf.NewFile(bytes.NewReader(binary.content))
	if err != nil {
		return err
	}
	for _, part := range executable.Progs {
		if part.Type == elf.PT_INTERP {
			return errors.New("it wants a dynamic linker, which the image has not")
		}
	}
	if binary.mode&0o005 != 0o005 {
		return fmt.Errorf("its mode is %o: user %s cannot run it", binary.mode, user)
	}
	if i.config.OS != runtime.GOOS || i.config.Architecture != runtime.GOARCH {
		fmt.Printf("It is for %s/%s, and so it is not run here.\n", i.config.OS, i.config.Architecture)
		return nil
	}
	return checkVersion(binary.content, i.config.Config.Labels["org.opencontainers.image.version"])
}

// checkVersion runs the binary.
func checkVersion(binary []byte, want string) (err error) {
	dir, err := os.MkdirTemp("", "checkimage")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, binaryPath)
	if err := os.WriteFile(path, binary, 0o700); err != nil {
		return err
	}
	command := exec.Command(path, "-version")
	command.Env = []string{}
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("-version: %w: %s", err, out)
	}
	if got := strings.TrimSpace(string(out)); got != want || want == "" {
		return fmt.Errorf("-version says %q, and the image's label %q", got, want)
	}
	return nil
}
