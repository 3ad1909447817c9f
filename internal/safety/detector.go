package safety

import "slices"

// Detector declares itself: its name, and the surfaces that it may ever run on.
// Policy can only narrow that.
type Detector struct {
	Name     string
	Surfaces []Surface
}

// MayRun reports whether the detector was made for a surface.
func (d Detector) MayRun(s Surface) bool { return slices.Contains(d.Surfaces, s) }
