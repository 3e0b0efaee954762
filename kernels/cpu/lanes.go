package cpu

import "github.com/mm-runtime/mm/kernels"

// Lanes makes a device of one thread for each thread that d has.
func (d *Device) Lanes() []kernels.Device {
	for len(d.lanes) < d.threads {
		d.lanes = append(d.lanes, newDevice(d.path, 1))
	}
	return d.lanes
}

// Together hands the parts to the threads.
func (d *Device) Together(p kernels.Parts) {
	d.parts.Parts = p
	d.pool.run(&d.parts)
	d.parts.Parts = nil
}

// partsJob is a job of as many parts as there are lanes.
type partsJob struct{ kernels.Parts }

func (j *partsJob) do(_, part, _ int) { j.Do(part) }
