package token

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestTreebanks compares Words with the treebanks' own words, given with spaces
// between all of them: no more is cut than the annotators cut. MM_TREEBANKS
// names the files, one tree a line. Measured: 427 of 429 sentences of GUM's free
// part (dev), 2,532 of 2,534 of CRAFT (dev).
func TestTreebanks(t *testing.T) {
	files := filepath.SplitList(os.Getenv("MM_TREEBANKS"))
	if len(files) == 0 {
		t.Skip("MM_TREEBANKS names no files of trees")
	}
	leaf := regexp.MustCompile(`\(\S+ ([^()\s]+)\)`)
	surface := strings.NewReplacer("-LRB-", "(", "-RRB-", ")", "-LSB-", "[", "-RSB-", "]", "``", `"`, "''", `"`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		same, all := 0, 0
		for line := range strings.Lines(string(data)) {
			var want []string
			for _, m := range leaf.FindAllStringSubmatch(line, -1) {
				want = append(want, surface.Replace(m[1]))
			}
			if all++; slices.Equal(Words(strings.Join(want, " ")), want) {
				same++
			}
		}
		t.Logf("%s: %d of %d sentences", file, same, all)
		if float64(same) < 0.98*float64(all) {
			t.Errorf("%s: %d of %d sentences have the words of the treebank, want 98%%", file, same, all)
		}
	}
}
