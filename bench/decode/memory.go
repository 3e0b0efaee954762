package main

import "github.com/mm-runtime/mm/bench/procmem"

// held is the memory of this process; the peak starts anew.
func held() (answer, error) {
	resident, peak, err := procmem.Held()
	if err != nil {
		return answer{}, err
	}
	return answer{Resident: resident, Peak: peak}, procmem.Reset()
}
