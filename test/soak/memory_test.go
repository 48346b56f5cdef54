package soak

import (
	"math"
	"testing"
	"time"
)

const (
	// Memory is flat if the mean of the last third of the samples is at most so much above that of the first.
	flatPart = 0.10
	flatMiB  = 4
	// flatSamples is how many samples it takes to say that it is not.
	flatSamples = 9
)

// sample is what a controller has used at a moment of rest.
type sample struct {
	at              time.Time
	resident, inUse float64 // MiB
	// goal is the size in MiB at which the heap is collected next: about twice what the last collection has left.
	goal       float64
	goroutines int
	vms        int
}

// line fits a line through the samples by least squares, and returns their mean and its slope per hour.
func line(samples []sample, value func(sample) float64) (mean, perHour float64) {
	n := float64(len(samples))
	var meanT float64
	for _, x := range samples {
		meanT += x.at.Sub(samples[0].at).Hours() / n
		mean += value(x) / n
	}
	var above, below float64
	for _, x := range samples {
		t := x.at.Sub(samples[0].at).Hours() - meanT
		above += t * (value(x) - mean)
		below += t * t
	}
	return mean, above / below
}

// growth compares the last third of the samples with the first, and tells whether that is more than what comes and goes.
func growth(samples []sample, value func(sample) float64) (first, last float64, grown bool) {
	first, last = third(samples, 0, value), third(samples, 2, value)
	return first, last, len(samples) >= flatSamples && last > max(first*(1+flatPart), first+flatMiB)
}

// third is the mean of the first, second or last third of the samples.
func third(samples []sample, which int, value func(sample) float64) float64 {
	part := samples[which*len(samples)/3 : max((which+1)*len(samples)/3, which*len(samples)/3+1)]
	sum := 0.0
	for _, x := range part {
		sum += value(x)
	}
	return sum / float64(len(part))
}

func TestGrowth(t *testing.T) {
	for name, tt := range map[string]struct {
		n              int
		start, perHour float64
		noise          float64
		grown          bool
	}{
		"flat":                     {n: 20, start: 40, noise: 3},
		"within a tenth":           {n: 20, start: 100, perHour: 40},
		"within 4 MiB":             {n: 20, start: 20, perHour: 15},
		"more than both":           {n: 20, start: 40, perHour: 40, grown: true},
		"more, and it swings":      {n: 20, start: 40, perHour: 40, noise: 3, grown: true},
		"less":                     {n: 20, start: 40, perHour: -40},
		"too few to say so":        {n: 8, start: 40, perHour: 200},
		"just as many as it takes": {n: 9, start: 40, perHour: 200, grown: true},
	} {
		t.Run(name, func(t *testing.T) {
			var samples []sample
			for i := range tt.n {
				at := time.Duration(i) * time.Minute
				swing := tt.noise * float64(i%2*2-1)
				samples = append(samples, sample{at: time.Time{}.Add(at), resident: tt.start + tt.perHour*at.Hours() + swing})
			}
			resident := func(x sample) float64 { return x.resident }
			first, last, grown := growth(samples, resident)
			if grown != tt.grown {
				t.Errorf("from %.1f to %.1f MiB: grown %t", first, last, grown)
			}
			// The middles of the two thirds are two thirds of the samples apart.
			if want := tt.perHour * float64(tt.n*2/3) / 60; tt.n%3 == 0 && tt.noise == 0 && math.Abs(last-first-want) > 1e-6 {
				t.Errorf("from %v to %v MiB, want %v more", first, last, want)
			}
			if _, perHour := line(samples, resident); tt.noise == 0 && math.Abs(perHour-tt.perHour) > 1e-6 {
				t.Errorf("a slope of %v MiB/h, want %v", perHour, tt.perHour)
			}
		})
	}
}
