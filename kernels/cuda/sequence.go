//go:build linux && cgo

package cuda

import "unsafe"

// sequenceArgs is SequenceArgs of program.cu.
type sequenceArgs struct {
	operations [sequenceOperations]operation
	arguments  [sequenceWords]uint64
	count, _   int32
}

// Sizes of program.cu.
const (
	sequenceThreads    = 256
	sequenceOperations = 8
	sequenceWords      = 112
)

// sequence is how many launches from the first on are of one block each and may be one
// launch of one block instead, with its argument in j.sequential.
func (j *journal) sequence(launches []launch) int {
	s := j.sequential
	count, used := 0, 0
	for _, l := range launches {
		code, known := programCodes[l.kernel]
		if !known || code >= firstProduct || l.x*l.y > 1 || count == sequenceOperations || used+int(l.words) > sequenceWords {
			break
		}
		s.operations[count] = operation{code: code, x: 1, y: 1, argument: int32(used)}
		copy(s.arguments[used:], j.words[l.first:l.first+l.words])
		count, used = count+1, used+int(l.words)
	}
	s.count = int32(count)
	return count
}

// next is the launch that does the work of the first of some, and of how many.
func (j *journal) next(launches []launch) (l launch, argument unsafe.Pointer, count int) {
	if j.sequential != nil {
		if n := j.sequence(launches); n > 1 {
			return launch{kernel: kernelSequence, x: 1, y: 1, threads: sequenceThreads}, unsafe.Pointer(j.sequential), n
		}
	}
	l = launches[0]
	return l, unsafe.Pointer(&j.words[l.first]), 1
}
