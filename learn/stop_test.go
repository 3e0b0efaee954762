package learn

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestStop ends the learning of a head in each of its parts, and wants nothing written
// but the cache, and the same head of a later call.
func TestStop(t *testing.T) {
	m, dir := loadSenses(t), t.TempDir()
	d, err := ReadData(write(t, filepath.Join(dir, "d.tsv"), sentences(3, 60)), "")
	if err != nil {
		t.Fatal(err)
	}
	options := func(cache string) HeadOptions {
		return HeadOptions{Name: "mine", Task: "translate", To: "de", Memory: 9, Cache: cache, Curve: []int{1, 2}, Fit: FitOptions{Epochs: 4, Seed: 3}}
	}
	want, err := Head(ctx, m, d, options(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"layers", "features", "training", "learning curve"} {
		o := options(filepath.Join(dir, part))
		stopped, stop := context.WithCancel(ctx)
		o.Progress = func(what string, _, _ int) {
			if what == part {
				stop()
			}
		}
		l, err := Head(stopped, m, d, o)
		stop()
		if !errors.Is(err, context.Canceled) {
			t.Errorf("stopped in %s: %v, error %v", part, l, err)
		}
		if kept, _ := os.ReadDir(o.Cache); len(kept) == 0 {
			t.Errorf("stopped in %s: nothing in the cache", part)
		}
		o.Progress = nil
		again, err := Head(ctx, m, d, o)
		if err != nil || !reflect.DeepEqual(again.Pack, want.Pack) {
			t.Errorf("after a stop in %s: another head, error %v", part, err)
		}
	}
}
