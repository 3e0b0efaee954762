//go:build linux && cgo

package cuda

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// programArgs is ProgramArgs of program.cu.
type programArgs struct {
	program, header, going driver.Pointer
	operations, words      int32
}

// operation is Operation of program.cu.
type operation struct{ code, x, y, argument, apart, _ int32 }

// Sizes of program.cu.
const (
	programThreads = 512
	programWords   = 4096
	// programShared: the program, and the sums of a narrow product for each team.
	programShared = 8*programWords + programThreads/narrowThreads*narrowTiles*tileOut*(8+1)*4
	narrowTiles   = 16
)

// programCodes are the kernels that a program has.
var programCodes = map[kernel]int32{
	kernelCopy: 0, kernelAdd: 1, kernelSiLU: 2, kernelSwiGLU: 3, kernelConcat: 4, kernelRMSNorm: 5, kernelRope: 6, kernelEmbed: 7,
	kernelStoreRows: 8, kernelGatherRows: 9, kernelScatterRows: 10, kernelPathConv: 11, kernelRoute: 12, kernelMatMulF32: 13,
	kernelTopK: 14, kernelAdvance: 15,
	kernelMatMulI8Narrow8: firstProduct, kernelMatMulBF16Narrow8: 17,
	kernelAttentionSplit32: 18, kernelAttentionSplit64: 19, kernelAttentionSplit128: 20,
}

// firstProduct is the first code of those that a sequence does not have.
const firstProduct = 16

// StepsVariable is the environment variable that says how the steps of a model run
// where the GPU has more than one way, of which only a GPU can say which is fastest:
// "graph", the default; "overlap", graphs whose kernels are put on the GPU before the
// ones in front of them have ended; or "program", chains of few rows as one kernel for
// all steps and all else as graphs.
const StepsVariable = "MM_CUDA_STEPS"

// openSteps finds out whether steps can run as is wanted.
func (d *Device) openSteps() error {
	wanted := os.Getenv(StepsVariable)
	switch wanted {
	case "", "graph":
		return nil
	case "overlap", "program":
	default:
		return fmt.Errorf("%s is %q, want graph, overlap or program", StepsVariable, wanted)
	}
	if !d.clustered() {
		return fmt.Errorf("%s is %s, which wants compute capability 9.0 or 10, not %d.%d", StepsVariable, wanted, d.gpu.Major, d.gpu.Minor)
	}
	if wanted == "overlap" {
		d.journal.overlap = true
		return nil
	}
	f := d.functions[kernelProgram]
	err := f.AllowLargeClusters()
	if err == nil {
		d.cluster, err = f.MaxCluster(programThreads, programShared)
	}
	return err
}

// clustered says whether kernels.fatbin has machine code for the GPU with what compute
// capability 9.0 brought: clusters, and kernels that wait for the ones before.
func (d *Device) clustered() bool { return d.hopper() || d.gpu.Major == 10 }

// program is what is held back as numbers of a list, if a program can have it all.
func (d *Device) program() (numbers []int32, args programArgs, ok bool) {
	if d.cluster == 0 {
		return nil, args, false
	}
	j, alone := &d.journal, false
	operations := d.chaining.operations[:0]
	for i, l := range j.launches {
		code, known := programCodes[l.kernel]
		if !known {
			return nil, args, false
		}
		op := operation{code: code, x: int32(l.x), y: int32(l.y), argument: int32(l.first)}
		single := l.x*l.y == 1
		if i == 0 || !single || !alone {
			op.apart = 1
		}
		alone = single
		operations = append(operations, op)
	}
	d.chaining.operations = operations
	args.operations, args.words = int32(len(operations)), int32(len(operations)*int(unsafe.Sizeof(operation{}))/8+len(j.words))
	if args.words > programWords {
		return nil, args, false
	}
	d.chaining.program = append(append(d.chaining.program[:0], words(operations)...), words(j.words)...)
	return d.chaining.program, args, true
}

// runProgram queues a program in place of the launches that are held back.
func (d *Device) runProgram(numbers []int32, args programArgs, chain *chainArgs) error {
	args.program, args.header, args.going = d.lists.send(numbers), chain.header, chain.going
	d.journal.clear()
	if err := d.lists.upload(d.lists.unsent()); err != nil {
		return err
	}
	size := uint32(d.cluster)
	shape := driver.Shape{Grid: [3]uint32{size, 1, 1}, Block: [3]uint32{programThreads, 1, 1}, Shared: programShared, Cluster: [3]uint32{size, 1, 1}}
	return d.stream.Launch(d.functions[kernelProgram], &shape, unsafe.Pointer(&args))
}
