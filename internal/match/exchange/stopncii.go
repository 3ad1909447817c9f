package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// stopNCII reads StopNCII.org's list of intimate images of adults. Its API is
// for members; the shape is that of a public client of 2026. That next_set
// timestamps are Unix seconds, and that entries come in order of change, is
// unverified.
type stopNCII struct {
	feed
	*caller
	fetchKey, feedbackKey http.Header
}

func newStopNCII(s Settings, c Credentials, limit time.Duration, now func() time.Time) *stopNCII {
	key := func(k string) http.Header {
		return http.Header{"X-Functions-Key": {k}, "Ocp-Apim-Subscription-Key": {c.SubscriptionKey}}
	}
	n := &stopNCII{caller: newCaller(s.URL, limit, now), fetchKey: key(c.FunctionKey), feedbackKey: key(c.FeedbackKey)}
	n.feed = feed{fetch: n.fetch, now: now}
	return n
}

// stopNCIITypes are the service's names of signals. Its MD5 is of videos. Text
// and URL are kept by no client that is known; a URL is taken as a link.
var stopNCIITypes = map[string]safety.HashType{"ImagePDQ": safety.PDQ, "VideoMD5": safety.MD5, "VideoTMK": safety.TMKPDQF, "URL": safety.URL}

type stopNCIIPage struct {
	Count   *int   `json:"count"`
	Token   string `json:"nextPageToken"`
	Next    int64  `json:"nextSetTimestamp"`
	More    bool   `json:"hasMoreRecords"`
	Records []struct {
		Modified int64  `json:"lastModtimestamp"`
		Type     string `json:"signalType"`
		Value    string `json:"hashValue"`
		Status   string `json:"hashStatus"`
	} `json:"hashRecords"`
}

func (n *stopNCII) fetch(ctx context.Context, c cursor) (a answer, err error) {
	q := url.Values{"startTimestamp": {strconv.FormatInt(c.Since, 10)}, "pageSize": {"800"}}
	if c.Token != "" {
		q.Set("nextPageToken", c.Token)
	}
	var p stopNCIIPage
	if a.digest, err = n.get(ctx, "/FetchHashes", q, n.fetchKey, &p); err != nil {
		return a, err
	}
	switch {
	case p.Count == nil:
		return a, failure("the answer is not the JSON that was expected")
	case *p.Count != len(p.Records):
		return a, failure("there are not as many entries as the page says")
	case p.More != (p.Token != ""):
		return a, failure("the page does not say clearly whether there is another")
	}
	a.token, a.next = p.Token, p.Next
	for _, r := range p.Records {
		// A record replaces the one before it with the same type and value.
		sum := sha256.Sum256([]byte(r.Type + "\x00" + r.Value))
		ch := Change{Key: hex.EncodeToString(sum[:]), At: time.Unix(r.Modified, 0)}
		switch r.Status {
		case "Withdrawn", "Deleted":
			ch.Deleted = true
		case "Active":
			if t, ok := stopNCIITypes[r.Type]; ok {
				ch.print(t, r.Value)
			} else {
				ch.Unknown++
			}
		default: // Received, Unknown: not for matching yet
		}
		a.changes = append(a.changes, ch)
	}
	return a, nil
}

// Vote implements [Voter]. That Blocked is the word for a confirmed match and
// NotBlocked for a wrong one is unverified.
func (n *stopNCII) Vote(ctx context.Context, v Vote) error {
	type feedback struct {
		Value    string   `json:"hashValue"`
		Feedback string   `json:"feedbackValue"`
		Tags     []string `json:"tags"`
	}
	word := "Blocked"
	if !v.Affirmative {
		word = "NotBlocked"
	}
	return n.post(ctx, "/SubmitFeedback", n.feedbackKey, struct {
		Count int        `json:"count"`
		List  []feedback `json:"hashFeedbacks"`
	}{1, []feedback{{v.Print.Value, word, []string{}}}}, nil)
}
