// Command learning measures what package learn does, beside baselines that have no
// trunk, and prints a part of bench/LEARNING.md:
//
//	go run ./bench/learning --part texts --sets SETS
//
// SETS is a folder of sets.py. What the model makes of inputs is kept in --cache, so
// that a second call starts where the first one was.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/models/base"
)

// bench is a run.
type bench struct {
	ctx         context.Context
	m           *mm.Model
	model       string // its directory; "" is the embedded one
	sets, cache string
	out         string
	seeds       int
	most        int      // training examples of a class
	pictures    int      // that are attacked
	beside      []string // other checkpoints that are
	counts      []int
	methods     []string // of adding classes
}

// page takes what bench/LEARNING.md is to have.
var page io.Writer = os.Stdout

// parts are what can be measured.
var parts = map[string]func(*bench) error{
	"texts":       func(b *bench) error { return b.transfer("banking77", "clinc150", "snips7") },
	"sounds":      func(b *bench) error { return b.transfer("speech_commands") },
	"photos":      func(b *bench) error { return b.transfer("cifar100") },
	"shots":       (*bench).shots,
	"incremental": (*bench).incremental,
	"attack":      (*bench).attack,
	"time":        (*bench).time,
	"base":        (*bench).base,
}

func main() {
	debug.SetGCPercent(25) // the features of all pictures are gigabytes, of which there are copies
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "learning:", err)
		os.Exit(1)
	}
}

func run() error {
	var b bench
	part := flag.String("part", "", "what to measure: "+strings.Join(names(), ", "))
	flag.StringVar(&b.model, "model", "", "model directory (default: the embedded one)")
	flag.StringVar(&b.sets, "sets", "", "folder of sets.py")
	flag.StringVar(&b.cache, "cache", "", "folder for what the model makes of inputs")
	flag.StringVar(&b.out, "out", "", "folder for what part base makes")
	flag.IntVar(&b.seeds, "seeds", 3, "of the examples that are drawn, over which means are taken")
	flag.IntVar(&b.most, "most", 450, "training examples of a class")
	flag.IntVar(&b.pictures, "pictures", 200, "that are attacked")
	beside := flag.String("beside", "", "model directories that are attacked too, separated by commas")
	some := flag.String("counts", "1,5,10,50,0", "examples of a class to learn from; 0: all")
	methods := flag.String("methods", strings.Join(allMethods(), ","), "of adding classes, for part incremental")
	threads := flag.Int("threads", 0, "CPU threads, 0 for all")
	flag.Parse()
	b.methods = strings.Split(*methods, ",")
	for _, m := range b.methods {
		if !slices.Contains(allMethods(), m) {
			return fmt.Errorf("method %q, want some of %q", m, allMethods())
		}
	}
	if *beside != "" {
		b.beside = strings.Split(*beside, ",")
	}
	measure, ok := parts[*part]
	if !ok || b.sets == "" || b.seeds < 1 || b.most < 1 || b.pictures < 1 {
		return fmt.Errorf("part %q, sets %q, seeds %d, most %d, pictures %d: want a part of %q, a folder and at least 1 each",
			*part, b.sets, b.seeds, b.most, b.pictures, names())
	}
	for _, text := range strings.Split(*some, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("counts %q: want numbers from 0 on, separated by commas", *some)
		}
		b.counts = append(b.counts, n)
	}
	var err error
	if b.model != "" {
		b.m, err = mm.Open(b.model, mm.WithThreads(*threads))
	} else {
		b.m, err = mm.Load(base.FS, mm.WithThreads(*threads))
	}
	if err != nil {
		return err
	}
	defer b.m.Close()
	var stop context.CancelFunc
	b.ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return measure(&b)
}

func names() []string {
	var all []string
	for name := range parts {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// about names the checkpoint that a part was measured with.
func (b *bench) about() {
	i := b.m.Info()
	fmt.Fprintf(page, "Checkpoint %s %s, sha256 %.12s….\n\n", i.Name, i.Version, i.SHA256)
}

// has says whether a set is there and the model takes such inputs.
func (b *bench) has(name string) bool {
	_, err := os.Stat(filepath.Join(b.sets, name, "test.tsv"))
	takes := func(t mm.Task) bool { return t.Input == modalityOf(name) }
	return !errors.Is(err, fs.ErrNotExist) && slices.ContainsFunc(b.m.Tasks(), takes)
}

// without says what is left out.
func without(name string) {
	fmt.Fprintf(page, "%s: left out; the set is not there, or the checkpoint takes no such inputs.\n\n", name)
}

// table prints rows of cells, the first being the heads of columns.
func table(rows ...[]string) {
	for i, r := range rows {
		fmt.Fprintln(page, "| "+strings.Join(r, " | ")+" |")
		if i == 0 {
			fmt.Fprintln(page, "|"+strings.Repeat("---|", len(r)))
		}
	}
	fmt.Fprintln(page)
}

func percent(v float64) string { return fmt.Sprintf("%.1f", 100*v) }

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
