package mm_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/mm-runtime/mm"

// imports maps every package of the module, tests left out, to what it imports,
// under whatever build tags.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && file != "." && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Join(module, filepath.ToSlash(filepath.Dir(file)))
		found[pkg] = append(found[pkg], pkg) // also where it imports nothing
		for _, spec := range source.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			found[pkg] = append(found[pkg], name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// below is all that a package needs, itself included.
func below(pkg string, graph map[string][]string, seen map[string]bool) map[string]bool {
	if !seen[pkg] {
		seen[pkg] = true
		for _, next := range graph[pkg] {
			below(next, graph, seen)
		}
	}
	return seen
}

// inRooms reports whether pkg is one of the rooms, folders of the module, or in one.
func inRooms(pkg string, rooms ...string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool {
		room = path.Join(module, room)
		return pkg == room || strings.HasPrefix(pkg, room+"/")
	})
}

// TestWhoMayEnter keeps the directions of imports: who must not need what,
// directly or through others.
func TestWhoMayEnter(t *testing.T) {
	graph := imports(t)
	for _, rule := range []struct {
		rooms  []string
		closed []string
	}{
		{[]string{"encoders"}, []string{"mixer", "decoders"}},
		{[]string{"mixer"}, []string{"encoders", "decoders"}},
		{[]string{"decoders"}, []string{"encoders", "mixer"}},
		{[]string{"internal", "kernels"}, []string{"encoders", "mixer", "decoders"}},
		{[]string{"kernels"}, []string{"internal"}},
		{[]string{"encoders", "mixer", "decoders", "internal", "kernels", "models"}, []string{"cmd", "bench", "models"}},
		{[]string{"cmd", "bench"}, []string{"kernels/kerneltest", "internal/golden", "internal/nn/nntest"}},
	} {
		for pkg := range graph {
			if !inRooms(pkg, rule.rooms...) {
				continue
			}
			for needed := range below(pkg, graph, map[string]bool{}) {
				if inRooms(needed, rule.closed...) && needed != pkg {
					t.Errorf("%s needs %s, which is closed to it", pkg, needed)
				}
			}
		}
	}
	if len(graph) < 15 || !inRooms(module+"/decoders/tree", "decoders") || inRooms(module+"/decoders2", "decoders") {
		t.Errorf("the test itself is wrong: %d packages", len(graph))
	}
}

// TestRoot wants the root package to be needed only from above, and the embedded
// checkpoint only by the program.
func TestRoot(t *testing.T) {
	graph := imports(t)
	for pkg := range graph {
		if needs := below(pkg, graph, map[string]bool{}); needs[module] && pkg != module && !inRooms(pkg, "learn", "cmd", "bench") {
			t.Errorf("%s needs the root package", pkg)
		}
	}
	const base = module + "/models/base"
	if below(module, graph, map[string]bool{})[base] {
		t.Errorf("the root package needs %s: programs with another checkpoint would carry it", base)
	}
	program := below(module+"/cmd/mm", graph, map[string]bool{})
	if !program[base] {
		t.Errorf("cmd/mm does not need %s, so it has no model of its own", base)
	}
	if program["testing"] {
		t.Error("cmd/mm carries package testing")
	}
}

// TestDevices wants devices to stand on package kernels and what is in their own
// folders alone.
func TestDevices(t *testing.T) {
	graph := imports(t)
	devices := 0
	for pkg, needs := range graph {
		if !inRooms(pkg, "kernels") {
			continue
		}
		devices++
		for _, needed := range needs {
			standard := !strings.Contains(strings.Split(needed, "/")[0], ".")
			system := needed == "golang.org/x/sys" || strings.HasPrefix(needed, "golang.org/x/sys/")
			own := needed == module+"/kernels" || strings.HasPrefix(needed, pkg+"/")
			switch {
			case needed == pkg, standard, (system || own) && pkg != module+"/kernels":
			default:
				t.Errorf("%s imports %s, want only the standard library, golang.org/x/sys and package kernels", pkg, needed)
			}
		}
	}
	if devices < 3 {
		t.Errorf("%d packages in kernels, want itself, a device and the suite", devices)
	}
}

// TestKindsApart wants the modalities apart and the kinds of decoders, but that a
// tree and what is heard in letters are decoded as sequences.
func TestKindsApart(t *testing.T) {
	for pkg, needs := range imports(t) {
		for _, room := range []string{module + "/encoders/", module + "/decoders/"} {
			for _, needed := range needs {
				searched := pkg == module+"/decoders/tree" || pkg == module+"/decoders/letters"
				allowed := needed == pkg || searched && needed == module+"/decoders/sequence"
				if strings.HasPrefix(pkg, room) && strings.HasPrefix(needed, room) && !allowed {
					t.Errorf("%s imports %s", pkg, needed)
				}
			}
		}
	}
}

// TestGorgonia wants the library that makes gradients to be used for learning alone,
// and its cuBLAS to be raced against: what runs a model must not need it.
func TestGorgonia(t *testing.T) {
	users := 0
	for pkg, needs := range imports(t) {
		for _, needed := range needs {
			if !strings.HasPrefix(needed, "gorgonia.org/") {
				continue
			}
			if users++; !inRooms(pkg, "learn", "bench/cublas") {
				t.Errorf("%s imports %s", pkg, needed)
			}
		}
	}
	if users == 0 {
		t.Error("nobody imports gorgonia")
	}
}
