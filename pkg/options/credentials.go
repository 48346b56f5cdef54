package options

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Credentials is where the user name and password of vCenter come from. It is safe for concurrent use.
type Credentials struct {
	dir                string
	username, password string
}

// Credentials returns the source that the options name.
func (v *VCenter) Credentials() Credentials {
	return Credentials{dir: v.CredentialsDir, username: v.Username, password: v.Password}
}

// Get reads the credentials anew each time, so that a rotated Secret is used without a restart.
func (c Credentials) Get() (username, password string, err error) {
	if c.dir == "" {
		return c.username, c.password, nil
	}
	// In a mounted Secret the files are links into ..data, a link that is swapped as a whole: through its target, both
	// files are of the same version.
	dir, err := filepath.EvalSymlinks(filepath.Join(c.dir, "..data"))
	if errors.Is(err, fs.ErrNotExist) {
		dir, err = c.dir, nil
	}
	if err != nil {
		return "", "", fmt.Errorf("read vCenter credentials from -vcenter-credentials-dir: %w", err)
	}
	if username, err = readLine(dir, "username"); err != nil {
		return "", "", err
	}
	if password, err = readLine(dir, "password"); err != nil {
		return "", "", err
	}
	return username, password, nil
}

// readLine returns what is in a file, without the newline that editors leave at its end.
func readLine(dir, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("read vCenter credentials from -vcenter-credentials-dir: %w", err)
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if text == "" {
		return "", fmt.Errorf("vCenter credentials: %s is empty", filepath.Join(dir, name))
	}
	return text, nil
}
