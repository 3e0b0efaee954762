package learn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/mm-runtime/mm"
)

// Collector makes features of examples with a model. It may keep them in a cache, by
// their bytes, so that what was stopped goes on where it was and what was changed is
// done anew alone.
type Collector struct {
	Model    *mm.Model
	Task, To string // of the checkpoint, that takes the inputs
	Cache    string // a folder; "": none
	// Progress, if not nil, is called now and then from any goroutine.
	Progress func(done, all int)
}

// collecting is how many examples are on their way at once: enough to fill the
// model's batch.
const collecting = 64

// maxFile is the largest sound or picture that is an example, in bytes.
const maxFile = 64 << 20

// Collect returns the features of each example at taps, one behind the other, or why
// there are none. Two inputs of the same bytes and different labels are a mistake: the
// later one is told so.
func (c *Collector) Collect(ctx context.Context, examples []Example, taps []mm.Tap) (rows [][]float32, failed []error, err error) {
	known, err := openCache(c.Cache, c.key(taps), len(taps)*c.Model.Info().Width)
	if err != nil {
		return nil, nil, fmt.Errorf("learn: cache: %w", err)
	}
	defer known.close()
	rows, failed = make([][]float32, len(examples)), make([]error, len(examples))
	sums := make([]contentSum, len(examples))
	turns := make(chan struct{}, collecting)
	var running sync.WaitGroup
	var lock sync.Mutex
	done := 0
	for i := range examples {
		turns <- struct{}{}
		running.Go(func() {
			defer func() { <-turns }()
			rows[i], sums[i], failed[i] = c.one(ctx, known, examples[i], taps)
			lock.Lock()
			defer lock.Unlock()
			if done++; c.Progress != nil {
				c.Progress(done, len(examples))
			}
		})
	}
	running.Wait()
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("learn: %w", err)
	}
	if err := known.err(); err != nil {
		return nil, nil, fmt.Errorf("learn: cache: %w", err)
	}
	first := map[contentSum]int{}
	for i, sum := range sums {
		if failed[i] != nil {
			continue
		}
		j, ok := first[sum]
		if !ok {
			first[sum] = i
		} else if examples[j].Label != examples[i].Label {
			rows[i] = nil
			failed[i] = fmt.Errorf("labelled %q, but the same stands at %s as %q", examples[i].Label, examples[j].Place, examples[j].Label)
		}
	}
	return rows, failed, nil
}

// contentSum tells inputs apart.
type contentSum [sha256.Size]byte

// key is what features depend on besides the input.
func (c *Collector) key(taps []mm.Tap) string {
	return sumOf(fmt.Appendln(nil, c.Model.Info().SHA256, c.Task, c.To, taps))[:16]
}

func (c *Collector) one(ctx context.Context, known *cache, e Example, taps []mm.Tap) ([]float32, contentSum, error) {
	if err := ctx.Err(); err != nil {
		return nil, contentSum{}, err
	}
	data := []byte(e.Text)
	if e.Path != "" {
		info, err := os.Stat(e.Path)
		if err == nil && info.Size() > maxFile {
			err = fmt.Errorf("%d bytes, want at most %d", info.Size(), maxFile)
		}
		if err == nil {
			data, err = os.ReadFile(e.Path)
		}
		if err != nil {
			return nil, contentSum{}, err
		}
	}
	sum := contentSum(sha256.Sum256(data))
	if row, ok := known.get(sum); ok {
		return row, sum, nil
	}
	in, err := c.input(e, data)
	if err != nil {
		return nil, sum, err
	}
	features, err := c.Model.Embed(ctx, in, taps...)
	if err != nil {
		return nil, sum, err
	}
	row := slices.Concat(features...)
	known.put(sum, row)
	return row, sum, nil
}

// input is what the model gets of an example.
func (c *Collector) input(e Example, data []byte) (mm.Input, error) {
	in := mm.Input{Task: c.Task, To: c.To}
	if e.Path == "" {
		in.Text = e.Text
		return in, nil
	}
	for _, t := range c.Model.Tasks() {
		if t.Name != c.Task || t.To != c.To {
			continue
		}
		switch t.Input {
		case "audio":
			in.Audio = bytes.NewReader(data)
		case "image":
			in.Image = bytes.NewReader(data)
		default:
			in.Text = string(data)
		}
		return in, nil
	}
	return in, errors.New("the model has no such task")
}
