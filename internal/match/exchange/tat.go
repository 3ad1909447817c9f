package exchange

import (
	"context"
	"iter"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// tat reads Tech Against Terrorism's hash list, version 2. A page carries the
// word to go on after, of the time and id of its last entry, and entries come in
// that order; so the word itself is the checkpoint.
type tat struct {
	*caller
	username, password string
}

func newTAT(s Settings, c Credentials, limit time.Duration, now func() time.Time) *tat {
	return &tat{caller: newCaller(s.URL, limit, now), username: c.Username, password: c.Password}
}

// tatTypes are algorithms in lower case. The exact spelling is unverified.
var tatTypes = map[string]safety.HashType{"md5": safety.MD5, "sha1": safety.SHA1, "sha-1": safety.SHA1, "sha256": safety.SHA256,
	"sha-256": safety.SHA256, "pdq": safety.PDQ, "tmk+pdqf": safety.TMKPDQF, "tmk_pdqf": safety.TMKPDQF}

type tatPage struct {
	Next       *string `json:"next"`
	Checkpoint string  `json:"checkpoint"`
	Results    *[]struct {
		Digest    string  `json:"hash_digest"`
		Algorithm string  `json:"algorithm"`
		Ideology  string  `json:"ideology"`
		Deleted   bool    `json:"deleted"`
		UpdatedOn float64 `json:"updated_on"`
		ID        int64   `json:"id"`
	} `json:"results"`
}

// Pages implements [Source].
func (n *tat) Pages(ctx context.Context, checkpoint string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		token, err := n.authenticate(ctx)
		if err != nil {
			yield(Page{}, err)
			return
		}
		announced := false
		for {
			page, more, err := n.page(ctx, token, checkpoint, announced)
			if err != nil {
				yield(Page{}, err)
				return
			}
			if !yield(page, nil) || !more {
				return
			}
			checkpoint, announced = page.Checkpoint, true
		}
	}
}

func (n *tat) authenticate(ctx context.Context) (string, error) {
	form := url.Values{"username": {n.username}, "password": {n.password}, "resend": {"False"}}
	var a struct {
		Token string `json:"token"`
	}
	_, err := n.call(ctx, http.MethodPost, "/token-auth/tcap/", []byte(form.Encode()), "application/x-www-form-urlencoded", nil, &a)
	if err == nil && a.Token == "" {
		err = failure("the source gave no token")
	}
	return a.Token, err
}

func (n *tat) page(ctx context.Context, token, after string, announced bool) (page Page, more bool, err error) {
	var p tatPage
	_, err = n.get(ctx, "/api/hash-list/v2/all", url.Values{"order": {"asc"}, "after": {after}}, http.Header{"Authorization": {"Bearer " + token}}, &p)
	if err != nil {
		return page, false, err
	}
	if p.Results == nil {
		return page, false, failure("the answer is not the JSON that was expected")
	}
	more = p.Next != nil && *p.Next != ""
	page.Checkpoint = after
	if len(*p.Results) == 0 {
		if more || announced {
			return page, false, failure("the source announced a page and sent an empty one")
		}
		return page, false, nil // no news, and no reason to go on from anywhere else
	}
	if !later(p.Checkpoint, after) {
		return page, false, failure("the source went back in time")
	}
	page.Checkpoint = p.Checkpoint
	for _, r := range *p.Results {
		if r.ID == 0 || r.UpdatedOn <= 0 {
			return page, false, failure("an entry lacks its id or time")
		}
		sec, frac := math.Modf(r.UpdatedOn)
		word := strconv.FormatFloat(r.UpdatedOn, 'f', -1, 64) + "," + strconv.FormatInt(r.ID, 10)
		if !later(word, after) {
			return page, false, failure("the source went back in time")
		}
		ch := Change{Key: strconv.FormatInt(r.ID, 10), At: time.Unix(int64(sec), int64(frac*1e9)), Deleted: r.Deleted, Classification: r.Ideology}
		if t, ok := tatTypes[strings.ToLower(r.Algorithm)]; !ok {
			ch.Unknown++
		} else if !r.Deleted {
			ch.print(t, r.Digest)
		}
		page.Changes = append(page.Changes, ch)
	}
	return page, more, nil
}

// later compares words of the form "time,id". One of another form is only ever
// later than a different one: nothing is known of its order.
func later(word, than string) bool {
	a, aok := tatWord(word)
	b, bok := tatWord(than)
	if !aok || !bok {
		return word != "" && word != than
	}
	return a[0] > b[0] || (a[0] == b[0] && a[1] > b[1])
}

func tatWord(s string) (w [2]float64, ok bool) {
	at, id, found := strings.Cut(s, ",")
	var err error
	if w[0], err = strconv.ParseFloat(at, 64); err != nil || !found {
		return w, false
	}
	w[1], err = strconv.ParseFloat(id, 64)
	return w, err == nil
}
