// Package cli is the command line of mm: results go to standard output, all
// else to standard error; the exit code is 0 for success, 1 for failure and 2
// for wrong usage.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/models/base"
)

// Main runs the command line and returns the exit code.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := newRoot()
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s\n\n%s", message(err), cmd.UsageString())
		return 2
	case !errors.Is(err, errReported):
		fmt.Fprintln(stderr, message(err))
	}
	return 1
}

// message makes every error start with the program's name once.
func message(err error) string {
	return "mm: " + strings.TrimPrefix(err.Error(), "mm: ")
}

// usageError is a wrong call of the program, as opposed to a failure.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errReported ends the program with 1; what went wrong has been printed.
var errReported = errors.New("some inputs failed")

// settings are the flags that choose and set up a model.
type settings struct {
	model, device string
	threads       int
	maxInput      int
}

func newRoot() *cobra.Command {
	s := &settings{}
	root := &cobra.Command{
		Use:           "mm",
		Short:         "Translate, parse, listen and look with one network, on this machine",
		Long:          "mm does many tasks over texts, sounds and pictures with one network, on this machine;\nmm tasks lists those of its model.\nResults go to standard output, all else to standard error; the exit code is\n0 for success, 1 for failure and 2 for wrong usage.",
		Example:       runExamples,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usageArgs(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.model, "model", "", "model `directory` (default: the embedded base model)")
	s.device, s.maxInput = "auto", 256<<10
	flags.Var(device{&s.device}, "device", "`where` to run: auto, cpu, cuda or cuda:N")
	flags.Var(bounded{&s.threads, 0, mm.MaxThreads, fmt.Sprintf("0 (all) to %d", mm.MaxThreads)}, "threads", "CPU threads, 0 for all")
	flags.Var(bounded{&s.maxInput, 1, 0, "at least 1"}, "max-input", "longest input text in `bytes`")
	root.RegisterFlagCompletionFunc("device", completeWords(deviceNames))
	root.MarkPersistentFlagDirname("model")
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(s), newLearn(s), newAttack(s), newEval(s), newTasks(s), newInfo(s), newVersion())
	return root
}

// usageArgs marks what check complains of as wrong usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{err}
		}
		return nil
	}
}

// open loads the model that the flags choose.
func (s *settings) open(more ...mm.Option) (*mm.Model, error) {
	opts := append([]mm.Option{mm.WithDevice(s.device), mm.WithThreads(s.threads), mm.WithMaxInput(s.maxInput)}, more...)
	if s.model != "" {
		return mm.Open(s.model, opts...)
	}
	return mm.Load(base.FS, opts...)
}
