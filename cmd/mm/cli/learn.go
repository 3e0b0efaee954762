package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
	"github.com/mm-runtime/mm/models/base"
)

func newLearn(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "learn",
		Short: "Teach the model new classes, without changing it",
		Long: `Teach the model new classes, without changing it: a small network learns on what
the model makes of inputs, and is kept in a folder, a head pack, which
mm run classify --head DIR uses. A pack belongs to the model that it was learned with.`,
		Example: learnExamples,
		Args:    usageArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLearnHead(s), newLearnShot(s), newLearnForget(), newLearnClasses(s))
	return cmd
}

const learnExamples = `  mm learn head --name intents --data train.tsv --out intents
  mm learn head --name pets --data photos/ --modality image --out pets
  mm learn shot --head pets ferret a.jpg b.jpg
  mm learn classes --head pets --data more/ --max-forget 2
  mm learn forget --head pets ferret
  mm run classify --head pets photo.jpg`

// needFlags wants flags that have no default.
func needFlags(cmd *cobra.Command, names ...string) error {
	for _, name := range names {
		if cmd.Flags().Lookup(name).Value.String() == "" {
			return usageError{fmt.Errorf("no --%s given", name)}
		}
	}
	return nil
}

// files are those of the model's directory, or of the embedded model.
func (s *settings) files() fs.FS {
	if s.model != "" {
		return os.DirFS(s.model)
	}
	return base.FS
}

// openHead opens a head pack and adds it to a model, as the task of its name.
func openHead(m *mm.Model, dir string) (*learn.Pack, *mm.Head, error) {
	p, err := learn.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	h, err := m.AddHead(p.Name, p.HeadSpec)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", dir, err)
	}
	return p, h, nil
}

// headTask adds the head pack that --head names, and is the task to run.
func (o *runOptions) headTask(m *mm.Model, asked string) (string, error) {
	if o.head == "" {
		return asked, nil
	}
	p, _, err := openHead(m, o.head)
	if err != nil {
		return "", err
	}
	if asked != "classify" && asked != "" && asked != p.Name {
		return "", usageError{fmt.Errorf("%s: --head %s answers classify, or its own name, %s", asked, o.head, p.Name)}
	}
	return p.Name, nil
}

// taskFor finds the task whose inputs a head takes: the one that was asked for, or the
// first of the modality, those that choose between labels before others.
func taskFor(m *mm.Model, modality, name, to string) (mm.Task, error) {
	var found *mm.Task
	for _, t := range m.Tasks() {
		switch {
		case name != "" && (t.Name != name || to != "" && t.To != to):
		case name == "" && t.Input != modality:
		case found == nil || t.Output == "classes" && found.Output != "classes":
			found = &t
		}
	}
	switch {
	case found == nil && name != "":
		return mm.Task{}, usageError{m.Check(mm.Input{Task: name, To: to})}
	case found == nil:
		return mm.Task{}, fmt.Errorf("the model has no task that takes inputs of modality %q", modality)
	case found.Input != modality:
		return mm.Task{}, usageError{fmt.Errorf("task %s takes inputs of modality %q, these are %q", name, found.Input, modality)}
	}
	return *found, nil
}

// cacheDir is where features are kept if --cache does not say otherwise; "" where the
// system has no place for such things.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "mm", "learn")
}

// stages draws a progress bar for each thing that is done, on a terminal.
type stages struct {
	err  io.Writer
	lock sync.Mutex
	what string
	bar  *progressbar.ProgressBar
}

func newStages(stderr io.Writer) *stages { return &stages{err: stderr} }

func (s *stages) progress(what string, done, all int) {
	if !isTerminal(s.err) {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	if what != s.what || s.bar == nil {
		s.clear()
		s.what = what
		s.bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(s.err),
			progressbar.OptionSetDescription(what), progressbar.OptionShowCount(), progressbar.OptionClearOnFinish())
	}
	s.bar.Set(done)
}

func (s *stages) clear() {
	if s.bar != nil {
		s.bar.Clear()
		s.bar = nil
	}
}

// saySkipped lists inputs that could not be used, the first of them by name.
func saySkipped(stderr io.Writer, skipped []learn.Skipped) {
	const show = 20
	for i, s := range skipped {
		if i == show {
			fmt.Fprintf(stderr, "mm: note: skipped %d more\n", len(skipped)-show)
			break
		}
		fmt.Fprintf(stderr, "mm: note: skipped %s\n", s)
	}
}
