package kernels

// Lanes is a Device that can also be used as several, its lanes, each by one
// goroutine at a time and none while the device itself is at work. They share its
// memory, weights and threads: what is done in lanes waits for nobody until the end,
// where the threads of one device meet at every operation.
type Lanes interface {
	Device
	// Lanes are as many devices as there are threads; they are the same at every call
	// and close with the device.
	Lanes() []Device
	// Together calls p.Do for the lanes 0 up to len(Lanes()), all at the same time on
	// the threads, and returns when all have returned.
	Together(p Parts)
}

// Parts is work of which each lane does its part.
type Parts interface{ Do(lane int) }
