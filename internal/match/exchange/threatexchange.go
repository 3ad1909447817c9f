package exchange

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// threatExchange reads the updates of a privacy group of Meta's ThreatExchange.
// The service remembers deletions for 90 days. That updates come in order of
// change is unverified. Lantern's signals of people (addresses, names) are not
// taken: they may never act by themselves, and no field list is public.
type threatExchange struct {
	feed
	*caller
	group, token string
}

func newThreatExchange(s Settings, c Credentials, limit time.Duration, now func() time.Time) *threatExchange {
	n := &threatExchange{caller: newCaller(s.URL, limit, now), group: s.Group, token: c.Token}
	n.feed = feed{fetch: n.fetch, now: now, forget: 85 * 24 * time.Hour}
	return n
}

// threatTypes are the service's names of indicators.
var threatTypes = map[string]safety.HashType{"HASH_PDQ": safety.PDQ, "HASH_MD5": safety.MD5, "HASH_VIDEO_MD5": safety.MD5,
	"HASH_SHA1": safety.SHA1, "HASH_SHA256": safety.SHA256, "HASH_TMK": safety.TMKPDQF, "URI": safety.URL, "RAW_URI": safety.URL}

const threatFields = "id,indicator,type,last_updated,should_delete,descriptors{id,owner{id},status,tags,added_on}"

type threatPage struct {
	Data *[]struct {
		ID          string `json:"id"`
		Indicator   string `json:"indicator"`
		Type        string `json:"type"`
		Updated     int64  `json:"last_updated"`
		Delete      bool   `json:"should_delete"`
		Descriptors struct {
			Data []struct {
				ID     string   `json:"id"`
				Status string   `json:"status"`
				Tags   []string `json:"tags"`
			} `json:"data"`
		} `json:"descriptors"`
	} `json:"data"`
	Paging struct {
		Cursors struct {
			After string `json:"after"`
		} `json:"cursors"`
		// Next is an address that carries our token: only its presence counts.
		Next string `json:"next"`
	} `json:"paging"`
}

func (n *threatExchange) fetch(ctx context.Context, c cursor) (a answer, err error) {
	q := url.Values{"access_token": {n.token}, "fields": {threatFields}, "limit": {"500"}}
	if c.Since > 0 {
		q.Set("start_time", strconv.FormatInt(c.Since, 10))
	}
	if c.Token != "" {
		q.Set("after", c.Token)
	}
	var p threatPage
	if a.digest, err = n.get(ctx, "/"+n.group+"/threat_updates", q, nil, &p); err != nil {
		return a, err
	}
	if p.Data == nil || (p.Paging.Next != "" && p.Paging.Cursors.After == "") {
		return a, failure("the answer is not the JSON that was expected")
	}
	if p.Paging.Next != "" {
		a.token = p.Paging.Cursors.After
	}
	for _, u := range *p.Data {
		if u.ID == "" || u.Updated == 0 {
			return a, failure("an entry lacks its id or time")
		}
		ch := Change{Key: u.ID, At: time.Unix(u.Updated, 0), Deleted: u.Delete}
		// An entry is on the list when somebody calls it malicious; what is only
		// suspicious or unknown is not for matching.
		listed := false
		for _, d := range u.Descriptors.Data {
			if d.Status == "MALICIOUS" {
				listed = true
				ch.Classification = strings.Join(sorted(d.Tags), " ")
			}
		}
		if t, ok := threatTypes[u.Type]; !ok {
			ch.Unknown++
		} else if listed && !u.Delete {
			ch.print(t, u.Indicator)
		}
		a.changes = append(a.changes, ch)
	}
	return a, nil
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// Vote implements [Voter]: a reaction to the entry's descriptors. That a
// reaction is set by posting "reactions" to a descriptor is unverified.
func (n *threatExchange) Vote(ctx context.Context, v Vote) error {
	var d struct {
		Descriptors struct {
			Data []struct {
				ID     string `json:"id"`
				Status string `json:"status"`
			} `json:"data"`
		} `json:"descriptors"`
	}
	if _, err := n.get(ctx, "/"+url.PathEscape(v.Key), url.Values{"access_token": {n.token}, "fields": {"descriptors{id,status}"}}, nil, &d); err != nil {
		return err
	}
	reaction := "HELPFUL"
	if !v.Affirmative {
		reaction = "DISAGREE_WITH_TAGS"
	}
	for _, x := range d.Descriptors.Data {
		if x.Status != "MALICIOUS" || strings.Trim(x.ID, "0123456789") != "" {
			continue
		}
		form := url.Values{"access_token": {n.token}, "reactions": {reaction}}
		if _, err := n.call(ctx, http.MethodPost, "/"+x.ID, []byte(form.Encode()), "application/x-www-form-urlencoded", nil, nil); err != nil {
			return err
		}
	}
	return nil
}
