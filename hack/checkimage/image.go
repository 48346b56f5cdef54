package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// image is what an archive holds.
type image struct {
	digest string // of the manifest
	config config
	files  map[string]file // by path, without directories
}

type file struct {
	mode    int64
	content []byte
}

// size is that of all files in bytes.
func (i *image) size() int {
	n := 0
	for _, f := range i.files {
		n += len(f.content)
	}
	return n
}

// These are the parts of the OCI image format that matter here.
type (
	descriptor struct {
		Digest string `json:"digest"`
	}
	index struct {
		Manifests []descriptor `json:"manifests"`
	}
	manifest struct {
		Config descriptor   `json:"config"`
		Layers []descriptor `json:"layers"`
	}
	config struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
		Created      string `json:"created"`
		Config       struct {
			User       string
			Entrypoint []string
			Cmd        []string
			Env        []string
			Labels     map[string]string
		} `json:"config"`
	}
)

// readImage reads an archive in the OCI layout, compressed layers or not. It is all held in memory.
func readImage(path string) (*image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	blobs, err := untar(f)
	if err != nil {
		return nil, err
	}
	var top index
	if err := parse(blobs["index.json"].content, &top); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	if len(top.Manifests) != 1 {
		return nil, fmt.Errorf("it holds %d images, want 1", len(top.Manifests))
	}
	blob := func(d descriptor) []byte { return blobs["blobs/"+strings.Replace(d.Digest, ":", "/", 1)].content }
	var m manifest
	if err := parse(blob(top.Manifests[0]), &m); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	i := &image{digest: top.Manifests[0].Digest, files: map[string]file{}}
	if err := parse(blob(m.Config), &i.config); err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	for _, layer := range m.Layers {
		if err := i.add(blob(layer)); err != nil {
			return nil, fmt.Errorf("layer %s: %w", layer.Digest, err)
		}
	}
	return i, nil
}

// add puts the files of a layer over those of the ones before.
func (i *image) add(layer []byte) error {
	var r io.Reader = bytes.NewReader(layer)
	if bytes.HasPrefix(layer, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(r)
		if err != nil {
			return err
		}
		r = unzipped
	}
	files, err := untar(r)
	for path, f := range files {
		i.files[path] = f
	}
	return err
}

// untar returns everything but directories.
func untar(r io.Reader) (map[string]file, error) {
	files := map[string]file{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeDir {
			continue
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		files[strings.TrimPrefix(header.Name, "./")] = file{mode: header.Mode, content: content}
	}
}

func parse(content []byte, into any) error {
	if len(content) == 0 {
		return errors.New("is missing; is this an archive in the OCI layout?")
	}
	return json.Unmarshal(content, into)
}
