package mm

import (
	"context"
	"io"

	"github.com/mm-runtime/mm/internal/media/picture"
)

// pictureFile is a picture of a call.
type pictureFile struct {
	m     *Model
	c     *call
	ended bool
}

func (p *pictureFile) next(ctx context.Context) (part, error) {
	if p.ended {
		return part{}, io.EOF
	}
	p.ended = true
	data, err := picture.Read(p.c.in.Image)
	if err != nil {
		return part{}, named(p.c.in.Image, err)
	}
	t, line := p.c.task, p.m.gates.line
	if err := line.enter(ctx); err != nil {
		return part{}, err
	}
	r := newRequest(ctx, t)
	r.line = line
	view, err := p.load(r, data)
	if err != nil {
		r.unload()
		return part{}, err
	}
	r.rows += t.canvas.Rows()
	if t.head == nil {
		p.m.write(r, p.c.in, min(longestCaption, p.m.ckpt.Config.Model.MaxPositions))
	}
	return part{request: r, view: view}, nil
}

// longestCaption is in tokens: a sentence or two.
const longestCaption = 64

// load decodes the file's pixels into r.
func (p *pictureFile) load(r *request, data []byte) (picture.View, error) {
	if err := p.m.gates.decoding.enter(r.ctx); err != nil {
		return picture.View{}, err
	}
	defer p.m.gates.decoding.leave()
	rgb, err := picture.Decode(data)
	if err != nil {
		return picture.View{}, named(p.c.in.Image, err)
	}
	pixels, view, err := rgb.Pixels(r.task.fit, r.task.canvas.Width, r.task.canvas.Height)
	if err != nil {
		return picture.View{}, err
	}
	r.pixels = pixels
	return view, nil
}
