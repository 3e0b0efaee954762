package mm_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/models/base"
)

// Load the embedded model and translate a sentence.
func Example() {
	model, err := mm.Load(base.FS)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	out, err := model.Run(context.Background(), mm.Input{Task: "translate", To: "de", Text: "Where is the station?"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Text)
}

// A model lists what it does.
func ExampleModel_Tasks() {
	model, err := mm.Load(base.FS)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	for _, t := range model.Tasks() {
		fmt.Println(t.Name, t.To, t.Output)
	}
	// Output:
	// translate en sequence
	// translate de sequence
	// translate fr sequence
	// parse  tree
	// transcribe  sequence
	// digits  classes
	// commands  classes
	// classify  classes
	// detect  boxes
}

// Inputs of any tasks run in one batch. Each has its own result or error, in the
// order of the inputs.
func ExampleModel_RunBatch() {
	model, err := mm.Load(base.FS)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	results := model.RunBatch(context.Background(), []mm.Input{
		{Task: "parse", Text: "It rains."},
		{Task: "translate", To: "it", Text: "It rains."},
		{Task: "translate", To: "fr"},
	})
	for _, r := range results {
		fmt.Println(len(r.Trees), r.Err)
	}
	// Output:
	// 1 <nil>
	// 0 mm: translate: target language "it" is unknown, want one of en, de, fr
	// 0 <nil>
}

// Print a translation while it is being made.
func ExampleModel_Stream() {
	model, err := mm.Load(base.FS)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	for piece, err := range model.Stream(context.Background(), mm.Input{Task: "translate", To: "en", Text: "Guten Morgen!"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(piece)
	}
}

// Give up after a while. The request leaves the batch.
func ExampleModel_Run_deadline() {
	model, err := mm.Load(base.FS, mm.WithBeam(4))
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Nanosecond)
	defer cancel()
	_, err = model.Run(ctx, mm.Input{Task: "translate", To: "de", Text: "There is no time."})
	fmt.Println(errors.Is(err, context.DeadlineExceeded))
	// Output: true
}
