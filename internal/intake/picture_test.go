package intake_test

import (
	"fmt"
	"testing"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/policy"
	"github.com/rowan-safety/rowan/internal/sample"
)

// TestCopiesAreOnePicture: other formats, other sizes and a mirrored copy of one
// picture, from as many accounts, are one picture to the reviewers.
func TestCopiesAreOnePicture(t *testing.T) {
	t.Parallel()
	b := newBench(t, policy.Default).ready(t)
	canary := sample.Canary()
	ids := map[string]int{}
	for i, file := range [][]byte{match.Canary, sample.PNG(canary), sample.JPEG(canary, 90), sample.JPEG(canary, 60), sample.JPEG(sample.Mirror(canary), 85)} {
		c := content(file)
		c.ContentID, c.AccountID = fmt.Sprint("p_", i), fmt.Sprint("u_", i)
		got, err := b.desk.Check(t.Context(), c)
		if err != nil || got.CaseID == "" {
			t.Fatalf("copy %d: %+v, %v", i, got, err)
		}
		items, err := b.store.Read().ItemsOfCase(t.Context(), got.CaseID)
		if err != nil || len(items) != 1 {
			t.Fatalf("copy %d: %d items, %v", i, len(items), err)
		}
		ids[items[0].PictureID]++
	}
	if len(ids) != 1 || ids[""] != 0 {
		t.Errorf("copies of one picture by picture: %v", ids)
	}
}
