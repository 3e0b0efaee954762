package learn

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Example is an input and its label: a text, or the path of a sound or picture.
type Example struct {
	Label string
	Text  string
	Path  string
	Place string // where it was found, for messages: "train.tsv:7"
}

// Data are the examples of a folder or file.
type Data struct {
	Modality string // "text", "audio" or "image"
	Labels   []string
	Examples []Example
	Skipped  []Skipped
}

// Skipped is what could not be used, and why.
type Skipped struct{ Place, Why string }

func (s Skipped) String() string { return s.Place + ": " + s.Why }

// maxLine is the longest line of a file of examples, in bytes.
const maxLine = 1 << 20

var soundEndings = []string{".wav", ".flac", ".mp3", ".ogg", ".oga"}

// ReadData lists examples: a folder with one of sounds or pictures for each label, or
// a file of lines label<TAB>text, whose texts are paths for sounds and pictures. An
// empty modality is text for a file, and what its files look like for a folder. What
// cannot be used is skipped.
func ReadData(path, modality string) (Data, error) {
	d := Data{Modality: modality}
	info, err := os.Stat(path)
	if err == nil && !slices.Contains([]string{"", "text", "audio", "image"}, modality) {
		err = fmt.Errorf("modality %q, want text, audio or image", modality)
	}
	switch {
	case err != nil:
	case info.IsDir() && modality == "text":
		err = fmt.Errorf("%s: a folder, want a file of lines label<TAB>text", path)
	case info.IsDir():
		err = d.readFolder(path)
	default:
		err = d.readLines(path)
	}
	if err == nil {
		err = d.checkLabels(path)
	}
	if err != nil {
		return d, fmt.Errorf("learn: %w", err)
	}
	return d, nil
}

func (d *Data) skip(place, format string, args ...any) {
	d.Skipped = append(d.Skipped, Skipped{place, fmt.Sprintf(format, args...)})
}

func (d *Data) readFolder(path string) error {
	classes, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, c := range classes {
		place := filepath.Join(path, c.Name())
		if strings.HasPrefix(c.Name(), ".") {
			continue
		}
		if info, err := os.Stat(place); err != nil || !info.IsDir() {
			d.skip(place, "no folder of a class")
			continue
		}
		files, err := os.ReadDir(place)
		if err != nil {
			return err
		}
		before := len(d.Examples)
		for _, f := range files {
			own := filepath.Join(place, f.Name())
			switch info, err := os.Stat(own); {
			case strings.HasPrefix(f.Name(), "."):
			case err != nil:
				d.skip(own, "%v", err)
			case !info.Mode().IsRegular():
				d.skip(own, "not a file")
			default:
				d.Examples = append(d.Examples, Example{Label: c.Name(), Path: own, Place: own})
			}
		}
		if len(d.Examples) == before {
			d.skip(place, "a class without examples")
		}
	}
	if d.Modality == "" && len(d.Examples) > 0 {
		d.Modality = "image"
		if slices.Contains(soundEndings, strings.ToLower(filepath.Ext(d.Examples[0].Path))) {
			d.Modality = "audio"
		}
	}
	return nil
}

func (d *Data) readLines(path string) error {
	if d.Modality == "" {
		d.Modality = "text"
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewReaderSize(file, maxLine)
	found := map[string]Example{} // by text
	for n := 1; ; n++ {
		line, long, err := lines.ReadLine()
		if err == io.EOF {
			return nil
		}
		place := fmt.Sprintf("%s:%d", path, n)
		if err != nil {
			return err
		}
		if long {
			return fmt.Errorf("%s: a line of more than %d bytes", place, maxLine)
		}
		label, text, ok := strings.Cut(string(line), "\t")
		label, text = strings.TrimSpace(label), strings.TrimSpace(text)
		other, known := found[text]
		switch {
		case len(line) == 0:
		case !ok:
			d.skip(place, "no tab, want label<TAB>text")
		case label == "" || text == "":
			d.skip(place, "label %q, text %.40q, want both", label, text)
		case known && other.Label != label:
			d.skip(place, "labelled %q, but the same stands at %s as %q", label, other.Place, other.Label)
		default:
			e := Example{Label: label, Text: text, Place: place}
			if d.Modality != "text" {
				if e.Path, e.Text = text, ""; !filepath.IsAbs(text) {
					e.Path = filepath.Join(filepath.Dir(path), text)
				}
			}
			d.Examples = append(d.Examples, e)
			if !known {
				found[text] = e
			}
		}
	}
}

// checkLabels lists the labels, sorted, and wants none that people take for another.
func (d *Data) checkLabels(path string) error {
	seen := map[string]bool{}
	for _, e := range d.Examples {
		if !seen[e.Label] {
			seen[e.Label] = true
			d.Labels = append(d.Labels, e.Label)
		}
	}
	slices.Sort(d.Labels)
	folded := map[string]string{}
	for _, l := range d.Labels {
		key := strings.ToLower(strings.Join(strings.Fields(l), " "))
		if other, ok := folded[key]; ok {
			return fmt.Errorf("%s: classes %q and %q differ in case or spaces alone, want names that tell them apart", path, other, l)
		}
		folded[key] = l
	}
	return nil
}

// LabelNumbers are those of the examples' labels in list; -1 of one that is not there.
func LabelNumbers(examples []Example, list []string) []int {
	at := map[string]int{}
	for i, l := range list {
		at[l] = i
	}
	numbers := make([]int, len(examples))
	for i, e := range examples {
		n, ok := at[e.Label]
		if !ok {
			n = -1
		}
		numbers[i] = n
	}
	return numbers
}
