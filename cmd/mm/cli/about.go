package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

func newTasks(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "tasks",
		Short: "List what the model can do",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			m, err := s.open()
			if err != nil {
				return err
			}
			defer m.Close()
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "TASK\tFROM\tTO\tINPUT\tOUTPUT\tLABELS")
			for _, t := range m.Tasks() {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, dash(strings.Join(t.From, ",")), dash(t.To),
					t.Input, t.Output, dash(strings.Join(t.Labels, ",")))
			}
			return w.Flush()
		},
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func newInfo(s *settings) *cobra.Command {
	o := &expertOptions{settings: s}
	cmd := &cobra.Command{
		Use:   "info",
		Short: "Describe the model and the device it runs on, or its use of experts",
		Long: `Describe the model and the device it runs on.

With --experts, run the jobs in a file instead (mm help run tells how they are
written) and print for each task and each block with experts how many of the rows
went to each expert, in percent. A row goes to several experts at once, so a line
adds up to more than 100.`,
		Example: "  mm info\n  mm info --experts --jobs requests.jsonl --out experts.png",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.checkFlags(); err != nil {
				return usageError{err}
			}
			if o.experts {
				return o.run(cmd)
			}
			return s.describe(cmd)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.experts, "experts", false, "print which experts each task uses")
	f.StringVar(&o.jobs, "jobs", "", "the jobs to count over, JSON lines in `FILE`, - for standard input")
	f.StringVar(&o.out, "out", "", "PNG `file` for a heat map of the experts")
	return cmd
}

func (s *settings) describe(cmd *cobra.Command) error {
	m, err := s.open()
	if err != nil {
		return err
	}
	defer m.Close()
	info := m.Info()
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s %s\n", info.Name, info.Version)
	fmt.Fprintf(w, "parameters\t%.1f million in %d tensors (%s)\n", float64(info.Parameters)/1e6, info.Tensors, info.Types)
	fmt.Fprintf(w, "weights\t%.1f MiB, sha256 %s\n", float64(info.WeightBytes)/(1<<20), info.SHA256)
	fmt.Fprintf(w, "vocabulary\t%d tokens\n", info.Vocabulary)
	fmt.Fprintf(w, "positions\t%d tokens a sentence\n", info.Positions)
	if info.Window > 0 {
		fmt.Fprintf(w, "window\t%v of sound\n", info.Window)
	}
	fmt.Fprintf(w, "tasks\t%d\n", len(m.Tasks()))
	fmt.Fprintf(w, "device\t%s\n", info.Device)
	a := info.Arena
	fmt.Fprintf(w, "caches\tat most %.1f MiB: %d tokens being written of %.1f KiB, %d being read of %.1f KiB\n",
		float64(a.Caches())/(1<<20), a.Outputs, float64(a.OutputRow)/(1<<10), a.Sources, float64(a.SourceRow)/(1<<10))
	return w.Flush()
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), version())
			return err
		},
	}
}

func version() string {
	v := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v = info.Main.Version
	}
	return fmt.Sprintf("mm %s %s %s/%s", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
