package endtoend

import (
	"fmt"
	"testing"
	"time"

	"github.com/rowan-safety/rowan/client"
)

// TestEndToEndLists is a list as its operator meets it: tried on a part, paused,
// growing after uploads came, with a signal that floods and is released, and a
// picture that nobody has to look at twice.
func TestEndToEndLists(t *testing.T) {
	t.Parallel()
	s := serve(t, newAuthority(t), "ROWAN_MATCH_FLOOD_PER_HOUR=3")
	admin, platform := caller{t, s.base(), s.key("admin")}, client.New(s.base(), s.key("service"))
	known, early := landscape(701), landscape(702)
	check := func(id string, file []byte) client.Result {
		t.Helper()
		r, err := platform.CheckFile(t.Context(), client.Meta{ContentID: id, AccountID: "acct-" + id, Surface: "public", Jurisdiction: "GB"}, file)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const path = "/v1/lists/" + knownList
	verdict := func(what string, got client.Result, want client.Verdict) {
		t.Helper()
		if got.Verdict != want || got.Scan != "scanned" {
			t.Errorf("%s: %s, %s, want %s", what, got.Verdict, got.Scan, want)
		}
	}
	verdict("before it is listed", check("early", early), "allow")
	s.knowing(admin.key, known)
	admin.send("PATCH", path, map[string]any{"ratio": 0}, nil)
	verdict("at ratio 0", check("a", known), "allow")
	admin.send("PATCH", path, map[string]any{"ratio": 1, "off_until": time.Now().Add(time.Hour)}, nil)
	verdict("paused", check("b", known), "allow")
	admin.send("PATCH", path, map[string]any{"off_until": time.Unix(0, 0)}, nil)
	first := check("c", known)
	verdict("in use", first, "block")

	// The fourth content in an hour is a flood.
	verdict("second", check("d", known), "block")
	verdict("third", check("e", known), "block")
	verdict("fourth", check("f", known), "block") // it trips the breaker
	until(t, "the signal is put aside", func() bool { return check("g", known).Verdict == "hold" })
	var page struct {
		Items []struct {
			ID    string `json:"id"`
			Score *struct {
				Seen        int  `json:"seen"`
				Confirmed   int  `json:"confirmed"`
				Quarantined bool `json:"quarantined"`
			} `json:"score"`
		} `json:"items"`
	}
	admin.send("GET", path+"/signals", nil, &page)
	if len(page.Items) != 1 || page.Items[0].Score == nil || page.Items[0].Score.Seen < 5 || page.Items[0].Score.Confirmed != 0 || !page.Items[0].Score.Quarantined {
		t.Fatalf("signals %+v", page)
	}
	admin.send("POST", fmt.Sprintf("%s/signals/%s/release", path, page.Items[0].ID), nil, nil)
	verdict("released", check("h", known), "block")

	// What was decided before stands on the next case with the same picture.
	admin.confirm(first.CaseID)
	second := check("i", known)
	var v struct {
		Content []struct {
			DecidedBefore []struct {
				CaseID  string `json:"case_id"`
				Same    string `json:"same"`
				Outcome string `json:"outcome"`
				Class   string `json:"ncmec_class"`
			} `json:"decided_before"`
		} `json:"content"`
	}
	admin.send("GET", "/v1/cases/"+second.CaseID, nil, &v)
	if len(v.Content) != 1 || len(v.Content[0].DecidedBefore) != 1 || v.Content[0].DecidedBefore[0].CaseID != first.CaseID ||
		v.Content[0].DecidedBefore[0].Same != "file" || v.Content[0].DecidedBefore[0].Class != "B2" {
		t.Errorf("decided before: %+v", v)
	}

	// A list that grows finds what came before.
	until(t, "the early upload is found", func() bool {
		if _, err := client.New(s.base(), admin.key).ImportList(t.Context(), knownList, "hashes", []byte(sum(early))); err != nil {
			t.Fatal(err)
		}
		var queue struct {
			Items []struct {
				AccountID string `json:"account_id"`
			} `json:"items"`
		}
		admin.send("GET", "/v1/cases?limit=100", nil, &queue)
		for _, c := range queue.Items {
			if c.AccountID == "acct-early" {
				return true
			}
		}
		return false
	})
	s.verifyLedger()
}
