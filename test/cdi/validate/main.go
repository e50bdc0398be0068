// SPDX-License-Identifier: GPL-2.0-only

// Validates CDI spec files as engines do: by the CDI project's own parser, and by its JSON schema. Prints
// the lowest version of the specification that has everything a file uses.
package main

import (
	"fmt"
	"os"

	"tags.cncf.io/container-device-interface/pkg/cdi"
	"tags.cncf.io/container-device-interface/schema"
)

func validate(path string) error {
	builtin, err := schema.Load(schema.BuiltinSchemaName)
	if err != nil {
		return err
	}
	if err := builtin.ValidateFile(path); err != nil {
		return err
	}
	spec, err := cdi.ReadSpec(path, 0)
	if err != nil {
		return err
	}
	if spec == nil {
		return fmt.Errorf("%s: no such file", path)
	}
	version, err := cdi.MinimumRequiredVersion(spec.Spec)
	if err != nil {
		return err
	}
	fmt.Println(version)
	return nil
}

func main() {
	for _, path := range os.Args[1:] {
		if err := validate(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}
