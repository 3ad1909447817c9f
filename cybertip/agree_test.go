package cybertip_test

import (
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/fakes/ncmec"
	"pgregory.net/rapid"
)

// parts lists every settable field below v, at all depths.
func parts(v reflect.Value) []reflect.Value {
	switch v.Type() {
	case reflect.TypeFor[cybertip.Time](), reflect.TypeFor[cybertip.Date]():
		return nil
	}
	var out []reflect.Value
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out = parts(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			out = append(append(out, field), parts(field)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(append(out, v.Index(i)), parts(v.Index(i))...)
		}
	}
	return out
}

// TestValidateAgreesWithTheStandin changes one part of a full report at random.
// What Validate accepts, the stand-in must accept too: its table and rules were
// written apart from ours. What only the authority can know is left out.
func TestValidateAgreesWithTheStandin(t *testing.T) {
	s, err := ncmec.New(ncmec.Config{Username: "standin", Password: "standin", Now: func() time.Time { return now },
		PriorReports: []int64{4564654, 4564655}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(s)
	defer web.Close()
	c := newClient(t, web.URL)
	accepted, total, stricter := 0, 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		r := fullReport()
		all := parts(reflect.ValueOf(r).Elem())
		p := all[rapid.IntRange(0, len(all)-1).Draw(rt, "part")]
		p.SetZero()
		if rapid.Bool().Draw(rt, "other value") {
			fill(rt, p)
		}
		doc, err := cybertip.Marshal(r)
		if err != nil {
			rt.Skip("a broken choice")
		}
		ours := r.Validate(now)
		got, theirs := c.Submit(t.Context(), doc)
		total++
		if theirs == nil {
			accepted++
		}
		if strings.Contains(got.Description, "is not a known report") {
			return
		}
		switch {
		case ours == nil && theirs != nil:
			rt.Errorf("Validate accepts, the stand-in does not: %v %s", theirs, got.Description)
		case ours != nil && theirs == nil:
			stricter[ours.Error()]++
		}
	})
	t.Logf("%d of %d changed reports accepted by the stand-in; refused by Validate alone: %v", accepted, total, stricter)
}
