package media_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/internal/media"
)

func TestTmp(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	t.Log(p.Video(t.Context()))
	fs, _ := filepath.Glob("/tmp/v/*.[mwa][pkoev]*")
	for _, f := range fs {
		b, _ := os.ReadFile(f)
		s := time.Now()
		r := look(t, p, b)
		t.Log(f, r.Format, r.Scan, r.Reason, r.Width, r.Height, r.Frames, r.Duration, r.Streams, len(r.Hashes), len(r.PreviewPNG), time.Since(s))
	}
}
