package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
)

// bounded is a whole number of a flag that must lie between low and high, so that
// another is wrong usage and found before a model loads.
type bounded struct {
	value     *int
	low, high int // high 0: no upper bound
	want      string
}

func (b bounded) String() string {
	if b.value == nil {
		return "0"
	}
	return strconv.Itoa(*b.value)
}

func (b bounded) Type() string { return "int" }

func (b bounded) Set(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < b.low || b.high > 0 && n > b.high {
		return fmt.Errorf("want %s", b.want)
	}
	*b.value = n
	return nil
}

// fraction is a number of a flag above 0 and up to 1.
type fraction struct{ value *float64 }

func (f fraction) String() string {
	if f.value == nil || *f.value == 0 {
		return ""
	}
	return strconv.FormatFloat(*f.value, 'g', -1, 64)
}

func (f fraction) Type() string { return "float" }

func (f fraction) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0 && v <= 1) {
		return fmt.Errorf("want more than 0 and at most 1")
	}
	*f.value = v
	return nil
}

// choice is a flag that takes one of a few words.
type choice struct {
	value *string
	words []string
}

func (c choice) String() string {
	if c.value == nil {
		return ""
	}
	return *c.value
}

func (c choice) Type() string { return "string" }

func (c choice) Set(text string) error {
	if !slices.Contains(c.words, text) {
		return fmt.Errorf("want %s", strings.Join(c.words, " or "))
	}
	*c.value = text
	return nil
}

// device is the flag of a device's name.
type device struct{ value *string }

func (d device) String() string {
	if d.value == nil {
		return ""
	}
	return *d.value
}

func (d device) Type() string { return "string" }

func (d device) Set(text string) error {
	number, numbered := strings.CutPrefix(text, "cuda:")
	if numbered {
		if n, err := strconv.Atoi(number); err != nil || n < 0 {
			return fmt.Errorf("want auto, cpu, cuda or cuda:N with the number of a GPU")
		}
	} else if !slices.Contains(deviceNames, text) {
		return fmt.Errorf("want auto, cpu, cuda or cuda:N")
	}
	*d.value = text
	return nil
}

var deviceNames = []string{"auto", "cpu", "cuda"}

// completeInputs offers the tasks of the chosen model as the first argument, and
// files as the others of tasks that take some.
func (s *settings) completeInputs(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return s.complete(func(t mm.Task) string { return t.Name })
	}
	inputs, directive := s.complete(func(t mm.Task) string {
		if t.Name == args[0] {
			return t.Input
		}
		return ""
	})
	if len(inputs) > 0 && inputs[0] != "text" {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, directive
}

// completeFormats offers the formats of the task that was given.
func (s *settings) completeFormats(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return formats, cobra.ShellCompDirectiveNoFileComp
	}
	var words []string
	_, directive := s.complete(func(t mm.Task) string {
		if t.Name == args[0] {
			words = formatsOf(t)
		}
		return ""
	})
	return words, directive
}

// completeTargets offers the languages that the chosen model writes.
func (s *settings) completeTargets(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return s.complete(func(t mm.Task) string { return t.To })
}

// complete offers what word finds in the tasks of the chosen model, once each.
func (s *settings) complete(word func(mm.Task) string) ([]string, cobra.ShellCompDirective) {
	m, err := s.open()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	defer m.Close()
	var words []string
	for _, t := range m.Tasks() {
		if w := word(t); w != "" && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// completeWords offers fixed words as the value of a flag.
func completeWords(words []string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}
