package mm_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/mm-runtime/mm"
)

// Transcribe a sound file. It may last for hours: each segment knows its place.
func ExampleModel_Run_transcribe() {
	model, err := mm.Open("path/to/model")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	file, err := os.Open("talk.mp3")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	out, err := model.Run(context.Background(), mm.Input{Task: "transcribe", Audio: file})
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range out.Segments {
		fmt.Printf("%v to %v: %s\n", s.Start, s.End, s.Text)
	}
}

// Print what is said in a long sound while the rest is still being read.
func ExampleModel_Stream_transcribe() {
	model, err := mm.Open("path/to/model")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	file, err := os.Open("talk.mp3")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for piece, err := range model.Stream(context.Background(), mm.Input{Task: "transcribe", Audio: file}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Print(piece)
	}
}

// Say what a picture shows: all labels, the best first.
func ExampleModel_Run_classify() {
	model, err := mm.Open("path/to/model")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	file, err := os.Open("photo.jpg")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	out, err := model.Run(context.Background(), mm.Input{Task: "classify", Image: file})
	if err != nil {
		log.Fatal(err)
	}
	for _, c := range out.Classes[:3] {
		fmt.Printf("%s: %.0f%%\n", c.Label, 100*c.Prob)
	}
}

// Find objects in a picture. Boxes are in pixels of the picture as it is seen.
func ExampleModel_Run_detect() {
	model, err := mm.Open("path/to/model")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	file, err := os.Open("cells.jpg")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	out, err := model.Run(context.Background(), mm.Input{Task: "detect", Image: file, Threshold: 0.5})
	if err != nil {
		log.Fatal(err)
	}
	for _, b := range out.Boxes {
		fmt.Printf("%s (%.2f) from (%.0f, %.0f) to (%.0f, %.0f)\n", b.Label, b.Score, b.X0, b.Y0, b.X1, b.Y1)
	}
}

// Texts, sounds and pictures run in one batch. Each has its own result or error.
func ExampleModel_RunBatch_mixed() {
	model, err := mm.Open("path/to/model")
	if err != nil {
		log.Fatal(err)
	}
	defer model.Close()
	samples := make([]float32, 16000) // a second from a microphone
	results := model.RunBatch(context.Background(), []mm.Input{
		{Task: "translate", To: "de", Text: "Good morning."},
		{Task: "digits", Audio: mm.PCM(samples, 16000)},
		{Task: "classify", Image: strings.NewReader("no picture")},
	})
	for _, r := range results {
		if r.Err != nil {
			fmt.Println(r.Err)
			continue
		}
		fmt.Println(r.Text)
	}
}
