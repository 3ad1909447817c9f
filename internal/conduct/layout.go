package conduct

import "math"

// place gives members positions: from a circle, a fixed number of steps in which
// all push each other away and links pull (Fruchterman, Reingold 1991). No chance
// is in it, so the same ring looks the same tomorrow. Positions are rounded to
// thousandths of the square's side.
func place(r *Ring) {
	n := len(r.Members)
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		// A spiral: points of a regular polygon can hold each other in a false balance.
		turn, out := 2.399963*float64(i), 0.2+0.3*math.Sqrt((float64(i)+0.5)/float64(n))
		x[i], y[i] = 0.5+out*math.Cos(turn), 0.5+out*math.Sin(turn)
	}
	ideal := 0.8 / math.Sqrt(float64(max(n, 1)))
	dx, dy := make([]float64, n), make([]float64, n)
	const steps = 100
	for step := range steps {
		for i := range n {
			dx[i], dy[i] = 0, 0
			for j := range n {
				if i == j {
					continue
				}
				ex, ey := x[i]-x[j], y[i]-y[j]
				d2 := ex*ex + ey*ey + 1e-9
				dx[i] += ex / d2 * ideal * ideal
				dy[i] += ey / d2 * ideal * ideal
			}
		}
		for _, l := range r.Links {
			ex, ey := x[l.A]-x[l.B], y[l.A]-y[l.B]
			pull := math.Sqrt(ex*ex+ey*ey) / ideal * math.Min(l.Weight, 3) / 3
			dx[l.A], dy[l.A] = dx[l.A]-ex*pull, dy[l.A]-ey*pull
			dx[l.B], dy[l.B] = dx[l.B]+ex*pull, dy[l.B]+ey*pull
		}
		heat := 0.1 * (1 - float64(step)/steps)
		for i := range n {
			if d := math.Hypot(dx[i], dy[i]); d > 0 {
				x[i] += dx[i] / d * math.Min(d, heat)
				y[i] += dy[i] / d * math.Min(d, heat)
			}
		}
	}
	lowX, highX, lowY, highY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i := range n {
		lowX, highX = min(lowX, x[i]), max(highX, x[i])
		lowY, highY = min(lowY, y[i]), max(highY, y[i])
	}
	side := max(highX-lowX, highY-lowY, 1e-9)
	for i := range n {
		r.Members[i].X = math.Round(1000*(0.5+(x[i]-(lowX+highX)/2)/side)) / 1000
		r.Members[i].Y = math.Round(1000*(0.5+(y[i]-(lowY+highY)/2)/side)) / 1000
	}
}
