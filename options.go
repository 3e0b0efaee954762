package mm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/kernels/cuda"
)

// Option changes how a model is loaded.
type Option func(*options) error

// Limits of the options.
const (
	MaxThreads = cpu.MaxThreads
	MaxBeam    = checkpoint.MaxBeam
)

type options struct {
	device       string
	threads      int
	beam         int // 0: the task's own
	maxTokens    int
	maxInput     int
	penalty      float64
	countExperts bool
}

func defaults() options {
	return options{device: "auto", maxInput: 256 << 10, penalty: 0.6}
}

// WithDevice chooses where the model runs: "cpu", or "cuda" and "cuda:N", which
// are errors where there is no usable GPU. "auto" (the default) is the CPU: the
// CUDA kernels have passed their tests in an emulator only, so a GPU must be asked
// for.
func WithDevice(name string) Option {
	return func(o *options) error {
		number, numbered := strings.CutPrefix(name, "cuda:")
		_, err := strconv.ParseUint(number, 10, 31)
		if numbered && err != nil || !numbered && name != "auto" && name != "cpu" && name != "cuda" {
			return fmt.Errorf("device %q: want auto, cpu, cuda or cuda:N", name)
		}
		o.device = name
		return nil
	}
}

// WithThreads sets the number of CPU threads; 0 (the default) means all that
// the process may use.
func WithThreads(n int) Option {
	return func(o *options) error {
		if n < 0 || n > MaxThreads {
			return fmt.Errorf("threads %d: want 0 (all) to %d", n, MaxThreads)
		}
		o.threads = n
		return nil
	}
}

// WithBeam sets how many hypotheses a search keeps where its Input does not say; 1
// is greedy. The default is each task's own number, 1 for most.
func WithBeam(n int) Option {
	return func(o *options) error {
		if err := checkBeam(n); err != nil {
			return err
		}
		o.beam = n
		return nil
	}
}

func checkBeam(n int) error {
	if n < 1 || n > MaxBeam {
		return fmt.Errorf("beam %d: want 1 to %d", n, MaxBeam)
	}
	return nil
}

// WithMaxTokens limits texts to n tokens; longer ones are cut, which the Output's
// notices say. The default depends on the input's length. Trees are never cut.
func WithMaxTokens(n int) Option {
	return func(o *options) error {
		if n < 1 {
			return fmt.Errorf("max tokens %d: want at least 1", n)
		}
		o.maxTokens = n
		return nil
	}
}

// WithMaxInput sets the longest input text in bytes; the default is 256 KiB.
func WithMaxInput(bytes int) Option {
	return func(o *options) error {
		if bytes < 1 {
			return fmt.Errorf("max input %d bytes: want at least 1", bytes)
		}
		o.maxInput = bytes
		return nil
	}
}

// WithLengthPenalty sets the exponent α by which beam search divides an output's
// log-probability, ((5+n)/6)^α for n tokens (Wu et al. 2016); the default is 0.6.
func WithLengthPenalty(alpha float64) Option {
	return func(o *options) error {
		if !(alpha >= 0 && alpha <= 5) {
			return fmt.Errorf("length penalty %v: want 0 to 5", alpha)
		}
		o.penalty = alpha
		return nil
	}
}

// openDevice opens the device asked for. A GPU that was asked for and is not
// there is an error, never a quiet CPU run.
func openDevice(o options) (kernels.Device, error) {
	if number, ok := strings.CutPrefix(o.device, "cuda"); ok {
		index, _ := strconv.Atoi(strings.TrimPrefix(number, ":")) // WithDevice has looked at it
		return cuda.Open(index)
	}
	return cpu.Open(cpu.Options{Threads: o.threads})
}
