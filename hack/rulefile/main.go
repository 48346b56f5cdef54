// Command rulefile prints the rules of a PrometheusRule as Prometheus itself reads them.
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: rulefile FILE")
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var rule struct {
		Kind string `json:"kind"`
		Spec any    `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &rule); err != nil {
		return fmt.Errorf("read %s: %w", os.Args[1], err)
	}
	if rule.Kind != "PrometheusRule" || rule.Spec == nil {
		return fmt.Errorf("%s is no PrometheusRule", os.Args[1])
	}
	out, err := yaml.Marshal(rule.Spec)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(out)
	return err
}
