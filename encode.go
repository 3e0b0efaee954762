package mm

import (
	"cmp"
	"slices"

	"github.com/mm-runtime/mm/encoders/image"
	"github.com/mm-runtime/mm/kernels"
)

// maxPixels bounds the pixels whose encoder runs at once: its first stages have
// many more rows than the trunk. A larger picture runs by itself.
const maxPixels = 1 << 16

// encode runs the encoders and the trunk over the sources of joining, of whatever
// kinds, as one batch of rows. The memories of those that search are stored; the
// others get their heads' values and leave.
func (e *engine) encode(joining []*request, rows int) (err error) {
	defer e.scope.Recover(&err)
	if err := e.room(); err != nil {
		return err
	}
	// Requests of one head stand together, behind those that search.
	slices.SortStableFunc(joining, func(a, b *request) int { return cmp.Compare(a.task.headName(), b.task.headName()) })
	b := &e.step
	b.reset()
	e.experts.reset()
	for _, r := range joining {
		b.add(r)
		for range r.rows {
			e.experts.own(r.task)
		}
	}
	x := e.scope.Take(e.fill(rows), e.mixer.Width())
	e.embedTexts(x)
	e.hear(x, joining)
	e.see(x)
	for _, r := range joining {
		r.unload()
	}
	e.pool(0, x, joining)
	e.mixer.Encode(e.scope, x, b.positions, b.segs, func(block int, x kernels.Tensor) { e.pool(block+1, x, joining) })
	e.pool(e.layers()-1, x, joining)
	if n := len(b.slots); n > 0 {
		e.mixer.Remember(e.scope, e.cache, x.Slice(0, n), b.slots)
	}
	e.spell(x, joining)
	e.answer(x, joining)
	e.scope.Reset()
	return nil
}

// headName is "" for tasks that search.
func (t *task) headName() string {
	if t.head == nil {
		return ""
	}
	return t.head.name
}

// sources are what the encoders of a batch read, and the rows of the batch that
// their rows come to.
type sources struct {
	places   []int32 // of the tokens
	frames   []float32
	clips    kernels.Segments // in rows
	heard    []int32          // of the frames' rows
	pictures [][]float32
	pixels   []float32 // of some pictures, one after another
	canvases []image.Canvas
	seen     []int32 // of the pictures' rows
}

func (s *sources) reset() {
	s.places, s.heard, s.seen = s.places[:0], s.heard[:0], s.seen[:0]
	s.frames, s.clips = s.frames[:0], append(s.clips[:0], 0)
	clear(s.pictures)
	s.pictures, s.canvases = s.pictures[:0], s.canvases[:0]
}

// add lists the rows of r behind those that are there: its tokens, then those of
// its sound or picture.
func (b *stepBuffers) add(r *request) {
	first := int32(len(b.positions))
	for i := range int32(r.rows) {
		row := first + i
		b.positions = append(b.positions, i)
		switch {
		case int(i) < len(r.tokens):
			b.places = append(b.places, row)
		case r.frames != nil:
			b.heard = append(b.heard, row)
		default:
			b.seen = append(b.seen, row)
		}
		if r.search != nil {
			b.slots = append(b.slots, r.memory.start+i)
		}
	}
	b.segs = append(b.segs, first+int32(r.rows))
	b.tokens = append(b.tokens, r.tokens...)
	if r.frames != nil {
		b.frames = append(b.frames, r.frames...)
		b.clips = append(b.clips, int32(len(b.heard)))
	}
	if r.pixels != nil {
		b.pictures = append(b.pictures, r.pixels)
		b.canvases = append(b.canvases, r.task.canvas)
	}
}

// embedTexts writes the rows of the tokens into x (ΣT, D).
func (e *engine) embedTexts(x kernels.Tensor) {
	b := &e.step
	if len(b.tokens) == x.Rows {
		e.embed.Forward(e.dev, x, b.tokens)
		return
	}
	mark := e.scope.Mark()
	h := e.scope.Take(len(b.tokens), x.Cols)
	e.embed.Forward(e.dev, h, b.tokens)
	kernels.StoreRows(e.dev, x, h, b.places)
	e.scope.Release(mark)
}

// hear writes the rows of the sounds.
func (e *engine) hear(x kernels.Tensor, joining []*request) {
	b := &e.step
	if len(b.heard) == 0 {
		return
	}
	mark := e.scope.Mark()
	h := e.scope.Take(len(b.heard), x.Cols)
	e.net.Audio.Forward(e.scope, h, b.frames, b.clips)
	kernels.StoreRows(e.dev, x, h, b.heard)
	clip := 0
	for _, r := range joining {
		if r.frames == nil {
			continue
		}
		if r.sound != nil {
			out := r.task.hearing.head.Begin(e.scope, h.Slice(int(b.clips[clip]), int(b.clips[clip+1])))
			r.values = make([]float32, out.Rows*out.Cols)
			e.dev.Read(r.values, out)
		}
		clip++
	}
	e.scope.Release(mark)
}

// see writes the rows of the pictures, some pictures at a time.
func (e *engine) see(x kernels.Tensor) {
	b := &e.step
	for done, row := 0, 0; done < len(b.pictures); {
		b.pixels = b.pixels[:0]
		first, rows := done, 0
		for done < len(b.pictures) && (done == first || len(b.pixels)+len(b.pictures[done]) <= 3*maxPixels) {
			b.pixels = append(b.pixels, b.pictures[done]...)
			rows += b.canvases[done].Rows()
			done++
		}
		mark := e.scope.Mark()
		h := e.scope.Take(rows, x.Cols)
		e.net.Image.Forward(e.scope, h, b.pixels, b.canvases[first:done])
		kernels.StoreRows(e.dev, x, h, b.seen[row:row+rows])
		e.scope.Release(mark)
		row += rows
	}
}

// spell tells the searches of joining that weigh a sound what is heard in it.
func (e *engine) spell(x kernels.Tensor, joining []*request) {
	for i, r := range joining {
		if r.sound == nil {
			continue
		}
		mark := e.scope.Mark()
		first, end := int(e.step.segs[i])+1, int(e.step.segs[i+1]) // the command says nothing
		out := e.scope.Take(end-first, r.task.hearing.head.Out.Out)
		e.dev.Write(out, r.values)
		r.task.hearing.head.Finish(e.scope, out, x.Slice(first, end))
		e.dev.Read(r.values, out)
		e.scope.Release(mark)
		if err := areNumbers(r.values); err != nil {
			e.leave(r, err)
			continue
		}
		r.sound.Hear(r.values)
		r.values = nil
	}
}

// answer lets each head answer those of joining that are its own, which then
// leave; x (ΣT, D) is the memory of joining.
func (e *engine) answer(x kernels.Tensor, joining []*request) {
	segs := e.step.segs
	for lo := 0; lo < len(joining); {
		head, hi := joining[lo].task.head, lo+1
		for hi < len(joining) && joining[hi].task.head == head {
			hi++
		}
		if head != nil {
			if head.taps == nil { // it reads the memory
				own := make(kernels.Segments, hi-lo+1)
				for i := range own {
					own[i] = segs[lo+i] - segs[lo]
				}
				head.answer(e.scope, x.Slice(int(segs[lo]), int(segs[hi])), own, joining[lo:hi])
			}
			for _, r := range joining[lo:hi] {
				e.leave(r, nil)
			}
		}
		lo = hi
	}
}
