//go:build !cgo || !amd64

package cpu

// Paths are the instruction sets that can run here, slowest first.
func Paths() []string { return []string{"go"} }

// lacking says why a known path is not among Paths.
func lacking(string) string { return "this program was built without C for x86-64" }

func rowOpsFor(string) *rowOps { return goOps() }

func gemmLoopsFor(string) gemmLoops { return goLoops{} }

// pause waits for about a tenth of a microsecond.
func pause() {
	for range 50 {
	}
}
