package learn

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// childEnv makes the test binary save packs into a folder, for ever.
const childEnv = "MM_LEARN_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		for i := 0; ; i++ {
			if err := packOf(i % 7).Save(dir); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(i)
		}
	}
	os.Exit(m.Run())
}

// packOf is a pack that shows its version in all of its parts.
func packOf(version int) *Pack {
	labels := []string{"a", "b"}
	for i := range version {
		labels = append(labels, fmt.Sprint("more ", i))
	}
	s := blobs(len(labels), 5, 8, 1, uint64(version))
	n := start(s, len(labels), FitOptions{Hidden: 6})
	p := &Pack{
		Name: fmt.Sprint("version ", version), Model: "test 1", Limit: 9, Seed: 5,
		HeadSpec: mm.HeadSpec{Task: "translate", To: "de", Taps: []mm.Tap{{Layer: 1, Pooling: mm.PoolMean}, {Layer: 2, Pooling: mm.PoolFirst}},
			Labels: labels, Network: n, Shot: mm.Imprint, Length: 2.5, SHA256: "beef"},
		Metrics: Metrics{Examples: s.Len(), Accuracy: 0.5, Curve: []Point{{1, 0.25}, {0, 0.5}}},
	}
	p.Memory = Herd(n, s, len(labels), p.Limit)
	p.Held = s.Pick([]int{0, 1})
	return p
}

func TestPack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "head")
	if IsPack(dir) {
		t.Error("a pack where there is nothing")
	}
	for version := range 3 {
		want := packOf(version)
		if version == 2 {
			want.Network.Predict = make([]float32, 36)
			want.Shot, want.Memory, want.Held = mm.Predict, Set{Width: 8}, Set{Width: 8}
		}
		if err := want.Save(dir); err != nil {
			t.Fatal(err)
		}
		got, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("read %+v, want %+v", got, want)
		}
		if files, _ := os.ReadDir(dir); len(files) != 2 || !IsPack(dir) {
			t.Errorf("files %v, want head.json and the tensors", files)
		}
	}
}

// TestKill ends a process that saves, at any moment: the pack in the folder is whole.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	if err := packOf(0).Save(dir); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1706, 1))
	for range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for range 1 + r.IntN(20) {
			lines.Scan()
		}
		for range r.IntN(20) {
			if _, err := Open(dir); err != nil {
				t.Errorf("while it is written: %v", err)
			}
		}
		child.Process.Kill()
		child.Wait()
		p, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		var version int
		fmt.Sscanf(p.Name, "version %d", &version)
		want := packOf(version)
		if !slices.Equal(p.Labels, want.Labels) || !slices.Equal(p.Network.Labels, want.Network.Labels) {
			t.Errorf("%s has labels %q", p.Name, p.Labels)
		}
	}
	if err := packOf(1).Save(dir); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("files %v, want what the killed left to be gone", files)
	}
}

// TestSaveFails wants the old pack where the new one cannot be written.
func TestSaveFails(t *testing.T) {
	dir := t.TempDir()
	if err := packOf(0).Save(dir); err != nil {
		t.Fatal(err)
	}
	_, _, name, err := packOf(1).files()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, name, "in the way"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := packOf(1).Save(dir); err == nil {
		t.Error("a file is written over a folder")
	}
	if p, err := Open(dir); err != nil || p.Name != "version 0" {
		t.Errorf("the old pack: %v", err)
	}
	other := t.TempDir()
	os.WriteFile(filepath.Join(other, "thesis.txt"), nil, 0o600)
	if err := packOf(0).Save(other); err == nil || !strings.Contains(err.Error(), `it holds "thesis.txt"`) {
		t.Errorf("in a folder of other things: %v", err)
	}
	bad := packOf(0)
	bad.Labels = bad.Labels[:1]
	if err := bad.Save(dir); err == nil {
		t.Error("a network of two labels is saved as one's")
	}
}

// TestBrokenPacks spoils every part of head.json and every byte of its tensors.
func TestBrokenPacks(t *testing.T) {
	dir := t.TempDir()
	if err := packOf(1).Save(dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, packFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		field string
		value any
		want  string
	}{
		{"format", 2, "format 2, want 1"},
		{"extra", 1, `unknown field "extra"`},
		{"tensors", "../../etc/passwd", `tensors "../../etc/passwd", want a name`},
		{"tensors", "head-0000000000000000.safetensors", "its tensors are not there"},
		{"tensors_sha256", "00", "it is damaged"},
		{"labels", []string{"a"}, "memory of 3 labels"},
		{"width", -1, "width -1"},
		{"width", 1 << 40, "want 1099511627776"},
		{"width", 7, "width 7 of 2 taps"},
		{"taps", []mm.Tap{}, "width 8 of 0 taps"},
		{"memory", []int{3, 3, 4}, "memory: 4 examples of label 2, want 0 to 3"},
		{"memory", []int{3, -1, 4}, "-1 examples of label 1"},
		{"memory", []int{3, 3, 2}, "72 values, want 64 for 8 examples"},
		{"held", []int{1, 1, 1}, "held: 1 examples of label 2, want 0 to 0"},
		{"limit", "many", "cannot unmarshal"},
	} {
		var all map[string]any
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		all[c.field] = c.value
		spoiled, _ := json.Marshal(all)
		os.WriteFile(path, spoiled, 0o600)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "learn: head pack "+dir) {
			t.Errorf("%s %v: error %v, want %q", c.field, c.value, err, c.want)
		}
	}
	for n := range text[:len(text)-2] {
		os.WriteFile(path, text[:n], 0o600)
		if _, err := Open(dir); err == nil {
			t.Errorf("the first %d bytes of %s are read", n, packFile)
		}
	}
	os.WriteFile(path, append(slices.Clone(text), "{}"...), 0o600)
	if _, err := Open(dir); err == nil {
		t.Error("more after the value is read")
	}
	os.WriteFile(path, text, 0o600)
	_, tensors, name, err := packOf(1).files()
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(tensors); at += 97 {
		spoiled := slices.Clone(tensors)
		spoiled[at] ^= 4
		os.WriteFile(filepath.Join(dir, name), spoiled, 0o600)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "it is damaged") {
			t.Errorf("byte %d spoiled: %v", at, err)
		}
	}
	if _, err := Open(filepath.Join(dir, "nowhere")); err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

func TestHerd(t *testing.T) {
	s := blobs(3, 10, 6, 30, 1)
	s = s.Pick(slices.DeleteFunc(seq(s.Len()), func(i int) bool { return s.Labels[i] == 0 && i > 4 })) // two of the first
	n := start(s, 3, FitOptions{Hidden: 16})
	memory := Herd(n, s, 3, 12)
	by := memory.ByLabel(3)
	if len(by[0]) != 2 || len(by[1]) != 5 || len(by[2]) != 5 {
		t.Errorf("%d, %d and %d exemplars, want 2, 5 and 5", len(by[0]), len(by[1]), len(by[2]))
	}
	// The first exemplar is the one closest to its label's mean.
	mean, z := make([]float64, 16), map[int][]float32{}
	for _, i := range s.ByLabel(3)[2] {
		z[i] = n.Activation(s.Row(i))
		for c, v := range z[i] {
			mean[c] += float64(v) / 10
		}
	}
	apart := func(z []float32) (d float64) {
		for c, v := range z {
			d += (float64(v) - mean[c]) * (float64(v) - mean[c])
		}
		return d
	}
	first := apart(n.Activation(memory.Row(by[2][0])))
	for i := range z {
		if apart(z[i]) < first-1e-12 {
			t.Errorf("example %d is closer to the mean than the first exemplar", i)
		}
	}
	less := Shrink(memory, 3, 5)
	if got := less.ByLabel(3); len(got[0]) != 1 || len(got[1]) != 2 || len(got[2]) != 2 || !slices.Equal(less.Row(got[2][0]), memory.Row(by[2][0])) {
		t.Errorf("shrunk to %v", got)
	}
	if none := Herd(n, s, 3, 0); none.Len() != 0 {
		t.Errorf("%d exemplars of none", none.Len())
	}
}
