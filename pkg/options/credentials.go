package options

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Credentials is where the user name and password of vCenter come from. It is safe for concurrent use.
type Credentials struct {
	dir                        string
	username, password         string
	usernameFile, passwordFile string
}

// Credentials returns the source that the options name.
func (v *VCenter) Credentials() Credentials {
	return Credentials{
		dir: v.CredentialsDir, username: v.Username, password: v.Password,
		usernameFile: v.UsernameFile, passwordFile: v.PasswordFile,
	}
}

// Get reads the credentials anew each time, so that a rotated Secret is used without a restart.
func (c Credentials) Get() (username, password string, err error) {
	if c.dir == "" {
		return c.fromVariables()
	}
	if username, password, err = fromDir(c.dir); err != nil {
		return "", "", fmt.Errorf("read vCenter credentials from -vcenter-credentials-dir: %w", err)
	}
	return username, password, nil
}

// fromDir reads both files in the same version. In a mounted Secret they are links into ..data, a link that is swapped as a
// whole: they are read through its target.
func fromDir(dir string) (username, password string, err error) {
	if current, err := filepath.EvalSymlinks(filepath.Join(dir, "..data")); err == nil {
		dir = current
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	if username, err = readText(filepath.Join(dir, "username"), word); err != nil {
		return "", "", err
	}
	password, err = readText(filepath.Join(dir, "password"), secret)
	return username, password, err
}

// fromVariables returns what the variables said at the start, or what is now in the files that they named. As govc does, it
// takes no blank around that for a part of it.
func (c Credentials) fromVariables() (username, password string, err error) {
	username, password = c.username, c.password
	if c.usernameFile != "" {
		if username, err = readText(c.usernameFile, word); err != nil {
			return "", "", fmt.Errorf("read the file that GOVC_USERNAME names: %w", err)
		}
	}
	if c.passwordFile != "" {
		if password, err = readText(c.passwordFile, word); err != nil {
			return "", "", fmt.Errorf("read the file that GOVC_PASSWORD names: %w", err)
		}
	}
	return username, password, nil
}

// readText returns the one line that a file holds, without what cannot be meant.
func readText(path string, clean func(string) string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := clean(string(b))
	switch {
	case text == "":
		return "", fmt.Errorf("%s is empty", path)
	case !isOneLine(text):
		return "", fmt.Errorf("%s holds more than one line, or what is no text", path)
	}
	return text, nil
}
