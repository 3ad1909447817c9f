package policy

import (
	"testing"

	"github.com/rowan-safety/rowan/internal/safety"
)

func TestPermits(t *testing.T) {
	p, err := Parse(Default)
	if err != nil {
		t.Fatal(err)
	}
	known := safety.Detector{Name: "known-media", Surfaces: []safety.Surface{safety.SurfacePublic, safety.SurfacePrivate}}
	for _, tt := range []struct {
		surface safety.Surface
		where   safety.Jurisdiction
		want    bool
	}{
		{safety.SurfacePublic, "GB", true},
		{safety.SurfacePublic, "DE", true},
		{safety.SurfacePublic, "", true},
		{safety.SurfacePrivate, "GB", true},
		{safety.SurfacePrivate, "", true},
		{safety.SurfacePrivate, "DE", false},
		{safety.SurfacePrivate, "FR", false},
		{safety.SurfaceEncrypted, "GB", false},
		{safety.SurfaceEncrypted, "", false},
	} {
		if got := p.Permits(known, tt.surface, tt.where); got != tt.want {
			t.Errorf("%s in %q: %t, want %t", tt.surface, tt.where, got, tt.want)
		}
	}
	if len(p.off[0].Jurisdictions) != 27 {
		t.Errorf("%d states of the EU are listed", len(p.off[0].Jurisdictions))
	}
}
