package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

// mixedJobs are jobs of all kinds, some of them wrong, with what their errors hold.
func mixedJobs() (lines, failures []string) {
	for _, job := range [][2]string{
		{`{"task":"translate","to":"de","text":"Good morning."}`},
		{`{"task":"transcribe","audio":"a.wav","id":7,"max_tokens":3}`},
		{`{"task":"classify","image":"x.png","id":{"row":[1,2]}}`},
		{`{"task":"classify","image":"none.png","id":"lost"}`, "none.png: no such file"},
		{`{"id":1,"task":"sing","text":"la"}`, `task "sing" is unknown`},
		{`{"task":"parse","words":["don't","stop"],"beam":2}`},
		{`not JSON`, `"not JSON", want a JSON object such as`},
		{``, `"", want a JSON object such as`},
		{`[1]`, `"[1]", want a JSON object`},
		{`{"task":"detect","image":"x.png","threshold":0.05}`},
		{`{"id":"é","task":"detect","picture":"x.png"}`, `field "picture" is unknown, want id, task, to`},
		{`{"task":"digits","audio":"a.wav"}`},
		{`{"task":"digits","audio":"x.png"}`, "x.png: a file that starts with"},
		{`{"task":"digits","text":"nine"}`, "takes a sound, got a text"},
		{`{"task":"digits","audio":""}`, `field "audio": "", want the path of a file`},
		{`{"task":"translate","to":"fr","text":7}`, `field "text": 7, want a text`},
		{`{"task":"translate","to":"fr","text":null}`, `field "text": null, want a text`},
		{`{"task":"translate","to":"fr","beam":1.5,"text":"Hi"}`, `field "beam": 1.5, want a whole number`},
		{`{"task":"translate","to":"fr","beam":99,"text":"Hi"}`, `beam 99: want 1 to 32`},
		{`{"task":"translate","Text":"Hi"}`, `field "Text" is unknown`},
		{`{"task":"parse","task":"parse","text":"Hi"}`, `field "task" a second time`},
		{`{"task":"parse","text":"Hi"} {}`, `more after the JSON object, at offset`},
		{`{"task":"parse","text":"Hi"`, `the JSON object does not end`},
		{`{"task":"parse",}`, `no JSON object: `},
		{"{\"task\":\"parse\",\"text\":\"caf\xe9\"}", "a job that is not UTF-8"},
		{`{"task":"commands","audio":"a.wav","image":"x.png"}`, "takes a sound alone, got a sound and a picture"},
		{`{"task":"parse","text":"It rains."}`},
	} {
		lines, failures = append(lines, job[0]), append(failures, job[1])
	}
	return lines, failures
}

func TestJobs(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	write(t, filepath.Join(dir, "a.wav"), sound(t, 0.6))
	write(t, filepath.Join(dir, "x.png"), photo(t, 30, 20))
	lines, failures := mixedJobs()
	file := write(t, filepath.Join(dir, "jobs.jsonl"), []byte(strings.Join(lines, "\n")+"\n"))
	o := run("run", "--model", model, "--jobs", file)
	if o.code != 1 {
		t.Errorf("exit %d, want 1", o.code)
	}
	got := objects(t, o.stdout)
	if len(got) != len(lines) {
		t.Fatalf("%d answers, want %d", len(got), len(lines))
	}
	for i, g := range got {
		if (failures[i] == "") != (g.Error == "") || !strings.Contains(g.Error, failures[i]) || strings.HasPrefix(g.Error, "mm:") {
			t.Errorf("job %s: error %q, want %q in it", lines[i], g.Error, failures[i])
		}
		if failures[i] != "" {
			if want := fmt.Sprintf("mm: line %d: ", i+1); !strings.Contains(o.stderr, want) {
				t.Errorf("stderr lacks %q", want)
			}
		}
	}
	for i, want := range map[int]string{1: "7", 2: `{"row":[1,2]}`, 3: `"lost"`, 4: "1", 10: `"é"`} {
		if string(got[i].ID) != want {
			t.Errorf("id of line %d is %s, want %s", i+1, got[i].ID, want)
		}
	}
	if got[1].Input != "a.wav" || got[5].Input != "don't stop" || got[0].Input != "Good morning." || got[3].Task != "classify" {
		t.Errorf("inputs %q, %q, %q, task %q", got[1].Input, got[5].Input, got[0].Input, got[3].Task)
	}
	if len(got[2].Classes) != 10 || got[9].Boxes == nil || len(got[1].Segments) != 1 || got[1].Tokens > 3 {
		t.Errorf("classes %v, boxes %v, segments %v", got[2].Classes, got[9].Boxes, got[1].Segments)
	}
	// One by one, from standard input and another folder, the answers are the same.
	t.Chdir(dir)
	for i, l := range lines {
		o := call(strings.NewReader(l), "run", "--model", model, "--jobs", "-")
		if l == "" {
			o.expect(t, 0)
			continue
		}
		alone := objects(t, o.stdout)[0]
		alone.MS = got[i].MS
		want := strings.ReplaceAll(asJSON(t, got[i]), dir+string(filepath.Separator), "") // of paths in errors
		if alone := asJSON(t, alone); alone != want {
			t.Errorf("line %d alone: %s, want %s", i+1, alone, want)
		}
	}
}

// TestManyJobsKeepTheirOrder has more than are on their way, or have files open, at
// once.
func TestManyJobsKeepTheirOrder(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	write(t, filepath.Join(dir, "a.wav"), sound(t, 0.1))
	write(t, filepath.Join(dir, "x.png"), photo(t, 9, 9))
	const count = 2 * inFlight
	var lines strings.Builder
	for i := range count {
		job := `"task":"parse","text":""`
		switch {
		case i%10 == 3:
			job = `"task":"digits","audio":"a.wav"`
		case i%10 == 7:
			job = `"task":"classify","image":"x.png"`
		}
		fmt.Fprintf(&lines, "{\"id\":%d,%s}\n", i, job)
	}
	o := run("run", "--model", model, "--jobs", write(t, filepath.Join(dir, "jobs"), []byte(lines.String())))
	o.expect(t, 0)
	got := objects(t, o.stdout)
	if len(got) != count {
		t.Fatalf("%d answers, want %d", len(got), count)
	}
	for i, g := range got {
		if string(g.ID) != fmt.Sprint(i) || (g.Output == "") != (i%10 != 3 && i%10 != 7) {
			t.Fatalf("answer %d is %+v", i, g)
		}
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestJobsThatAreTooLong(t *testing.T) {
	long := `{"id":2,"task":"translate","to":"de","text":"` + strings.Repeat("x", 101) + `"}`
	far := `{"id":3,"task":"translate","to":"de","text":"` + strings.Repeat("x", 100<<10) + `"}`
	good := `{"id":4,"task":"translate","to":"de","max_tokens":1,"text":"` + strings.Repeat(`\u0078`, 100) + `"}`
	o := call(strings.NewReader(long+"\n"+far+"\n"+good), "run", "--max-input", "100", "--jobs", "-")
	o.expect(t, 1, "mm: line 1: translate: input of 101 bytes, want at most 100 (--max-input raises it)",
		"mm: line 2: a line of 102448 bytes, want at most 66136 (--max-input raises it)")
	got := objects(t, o.stdout)
	if len(got) != 3 || string(got[0].ID) != "2" || got[1].Error == "" || got[2].Error != "" || len(got[2].Input) != 100 {
		t.Errorf("objects %+v, want the third alone to be good", got)
	}
}

func TestWrongUsageOfJobs(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"run --jobs - translate", `--jobs names the tasks and inputs, want none beside it, got ["translate"]`},
		{"run --jobs - --to de", "--to has no effect with --jobs"},
		{"run --jobs - --beam 2", "--beam has no effect with --jobs"},
		{"run --jobs - --format json", "--format has no effect with --jobs"},
		{"run --jobs", "flag needs an argument"},
	} {
		o := run(strings.Fields(c.args)...)
		o.expect(t, 2, c.want, "Usage:\n")
	}
	run("run", "--jobs", filepath.Join(t.TempDir(), "none")).expect(t, 1, "none: no such file")
	run("run", "--jobs", os.DevNull, "--json").expect(t, 0)
}

// FuzzReadJobs wants a job or an error for each line, and ids as they were given.
func FuzzReadJobs(f *testing.F) {
	lines, _ := mixedJobs()
	f.Add([]byte(strings.Join(lines, "\n")))
	for _, l := range lines {
		f.Add([]byte(l))
	}
	f.Add([]byte(`{"id":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 50
		count := 0
		for it := range readJobs(iotest.HalfReader(bytes.NewReader(text)), "it", limit) {
			count++
			if it.number != count || it.broken != nil {
				t.Fatalf("job %d is numbered %d, broken: %v", count, it.number, it.broken)
			}
			if it.id != nil && !json.Valid(it.id) {
				t.Errorf("id %q is no JSON", it.id)
			}
			if it.err == nil && (len(it.input.Text) > limit || !utf8.ValidString(it.input.Text+it.audio+it.image)) {
				t.Errorf("text %q of more than %d bytes, or not UTF-8", it.input.Text, limit)
			}
			var fields map[string]any
			if it.err == nil && json.Unmarshal([]byte(nth(text, count)), &fields) != nil {
				t.Errorf("job %q is no JSON object and no error", nth(text, count))
			}
		}
		if want := bytes.Count(text, []byte("\n")) + 1; count != want && !(count == want-1 && (len(text) == 0 || bytes.HasSuffix(text, []byte("\n")))) {
			t.Errorf("%d jobs of %q, want one a line", count, text)
		}
	})
}

// nth is a line of a text, from 1.
func nth(text []byte, n int) string { return strings.Split(string(text), "\n")[n-1] }
