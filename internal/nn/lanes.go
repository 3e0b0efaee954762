package nn

import "github.com/mm-runtime/mm/kernels"

// Parts is work that lanes share: part i of parts is done in a scope of its own, at
// the same time as the others, of which it may not depend.
type Parts interface {
	Do(s *Scope, part, parts int)
}

// lanes are the scopes of a device's lanes (kernels.Lanes); they hand Parts on.
type lanes struct {
	scopes []*Scope
	work   Parts
	failed []any // what a part panicked with
}

// Lanes is the number of parts that Spread makes.
func (s *Scope) Lanes() int {
	if s.Gated != nil { // which sees all rows at once
		return 1
	}
	if d, ok := s.Dev.(kernels.Lanes); ok && s.lanes.scopes == nil {
		for _, lane := range d.Lanes() {
			s.lanes.scopes = append(s.lanes.scopes, NewScope(lane))
		}
		s.lanes.failed = make([]any, len(s.lanes.scopes))
	}
	return max(1, len(s.lanes.scopes))
}

// Spread does work in as many parts as there are lanes. A panic of one, such as of
// Take, is the caller's once all have ended.
func (s *Scope) Spread(work Parts) {
	if s.Lanes() == 1 {
		work.Do(s, 0, 1)
		return
	}
	s.lanes.work = work
	s.Dev.(kernels.Lanes).Together(&s.lanes)
	s.lanes.work = nil
	for i, p := range s.lanes.failed {
		if p != nil {
			clear(s.lanes.failed[i:])
			panic(p)
		}
	}
}

// Do does one lane's part.
func (l *lanes) Do(lane int) {
	defer func() { l.failed[lane] = recover() }()
	s := l.scopes[lane]
	s.Reset()
	l.work.Do(s, lane, len(l.scopes))
}
