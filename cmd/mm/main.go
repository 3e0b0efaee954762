// Command mm translates, parses, listens and looks with one network.
package main

import (
	"os"

	"github.com/mm-runtime/mm/cmd/mm/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
