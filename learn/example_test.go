package learn_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
	"github.com/mm-runtime/mm/models/base"
)

// Learn a head from a file of lines label<TAB>text, keep it, and run it.
func Example() {
	ctx := context.Background()
	model, err := mm.Load(base.FS)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	data, err := learn.ReadData("train.tsv", "text")
	if err != nil {
		log.Fatal(err)
	}
	head, err := learn.Head(ctx, model, data, learn.HeadOptions{
		Name: "intents", Task: "translate", To: "de", Hidden: -1, Memory: 2000, Skip: 10})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.0f%% of %d right\n", 100*head.Metrics.Accuracy, head.Metrics.Tested)
	if err := head.Save("intents"); err != nil {
		log.Fatal(err)
	}
	if _, err := model.AddHead(head.Name, head.HeadSpec); err != nil {
		log.Fatal(err)
	}
	out, err := model.Run(ctx, mm.Input{Task: "intents", Text: "will it rain tomorrow"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Classes[0])
}

// Add a class of two pictures to a head while other goroutines run it.
func Example_shot() {
	ctx := context.Background()
	model, err := mm.Open("path/to/model")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	pack, err := learn.Open("pets")
	if err != nil {
		log.Fatal(err)
	}
	head, err := model.AddHead(pack.Name, pack.HeadSpec)
	if err != nil {
		log.Fatal(err)
	}
	var examples []mm.Input
	for _, path := range []string{"a.jpg", "b.jpg"} {
		file, err := os.Open(path)
		if err != nil {
			log.Fatal(err)
		}
		defer file.Close()
		examples = append(examples, mm.Input{Image: file})
	}
	if err := head.AddClass(ctx, "ferret", examples...); err != nil {
		log.Fatal(err)
	}
	fmt.Println(head.Spec().Labels)
}

// Add classes with many examples and refuse what forgets the old ones.
func ExampleExtend() {
	ctx := context.Background()
	model, err := mm.Load(base.FS)
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	pack, err := learn.Open("intents")
	if err != nil {
		log.Fatal(err)
	}
	data, err := learn.ReadData("more.tsv", "text")
	if err != nil {
		log.Fatal(err)
	}
	tapped, labels, _, err := learn.Examples(ctx, model, data, pack.Taps, learn.HeadOptions{Task: pack.Task, To: pack.To})
	if err != nil {
		log.Fatal(err)
	}
	set, err := tapped.At(pack.Taps)
	if err != nil {
		log.Fatal(err)
	}
	more, err := learn.Extend(ctx, pack, set, labels, learn.ExtendOptions{Method: learn.Bias, Memory: 2000})
	if err != nil {
		log.Fatal(err)
	}
	if err := more.Forgets(2); err != nil {
		log.Fatal(err)
	}
	if err := more.Save("intents"); err != nil {
		log.Fatal(err)
	}
}
