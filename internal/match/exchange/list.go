package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
)

// list is a complete list at an address or in a file: what it does not hold any
// more is gone. It is copied before it is read, and read twice: a list that
// cannot be read to its end, or whose rows are largely malformed, changes
// nothing.
type list struct {
	url    string
	folder string
	auth   func(*http.Request)
	http   *http.Client
	read   listReader
	now    func() time.Time
}

// listReader calls row for each row of a list, with ok false for a malformed
// one. Its own error says that the list cannot be read to its end.
type listReader func(r io.Reader, row func(c Change, ok bool) error) error

// listState is how far a list was applied. As JSON it is the checkpoint.
type listState struct {
	ETag     string `json:"etag,omitempty"`
	Modified string `json:"modified,omitempty"` // Last-Modified, as the server wrote it
	Digest   string `json:"digest,omitempty"`   // of the bytes
	Rows     int    `json:"rows,omitempty"`     // applied so far, when not done
	Done     bool   `json:"done,omitempty"`
	// Sure says that the same bytes came twice with the same marks. Only then is the server asked
	// whether the list has changed: a cache may put the mark of a new list on an
	// old one.
	Sure bool `json:"sure,omitempty"`
}

func (s listState) String() string {
	b, _ := json.Marshal(s) // plain fields
	return string(b)
}

const (
	listPage = 500 // rows a transaction
	// maxMalformed is the share of malformed rows, in percent, above which a list
	// is taken for something else.
	maxMalformed = 10
)

func newList(s Settings, c Credentials, folder string, limit time.Duration, now func() time.Time) (*list, error) {
	read, err := newListReader(s)
	if err != nil {
		return nil, err
	}
	l := &list{url: s.URL, folder: folder, http: newHTTP(limit), read: read, now: now, auth: func(*http.Request) {}}
	switch {
	case c.Token != "":
		l.auth = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+c.Token) }
	case c.Username != "":
		l.auth = func(r *http.Request) { r.SetBasicAuth(c.Username, c.Password) }
	}
	return l, nil
}

// Pages implements [Source].
func (l *list) Pages(ctx context.Context, checkpoint string) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		var before listState
		if checkpoint != "" {
			if err := json.Unmarshal([]byte(checkpoint), &before); err != nil {
				before = listState{}
			}
		}
		spool, state, err := l.copy(ctx, before)
		if spool != nil {
			defer func() { _ = errors.Join(spool.Close(), os.Remove(spool.Name())) }()
		}
		if err != nil {
			yield(Page{}, err)
			return
		}
		if spool == nil {
			return // as it was
		}
		if before.Done && state.Digest == before.Digest {
			state.Done, state.Sure = true, state.ETag == before.ETag && state.Modified == before.Modified
			yield(Page{Checkpoint: state.String()}, nil)
			return
		}
		malformed, err := l.examine(ctx, spool)
		if err != nil {
			yield(Page{}, err)
			return
		}
		skip := 0
		if !before.Done && state.Digest == before.Digest {
			skip = before.Rows
		}
		if err := l.pages(ctx, spool, state, skip, malformed, yield); err != nil {
			yield(Page{}, err)
		}
	}
}

// copy brings the list to a file of our own; nil when it has not changed.
func (l *list) copy(ctx context.Context, before listState) (*os.File, listState, error) {
	var from io.ReadCloser
	var state listState
	var err error
	if name, ok := strings.CutPrefix(l.url, "file:"); ok {
		from, err = l.openFile(name)
	} else {
		from, state, err = l.fetch(ctx, before)
	}
	if err != nil || from == nil {
		return nil, state, err
	}
	defer func() { _ = from.Close() }()
	spool, err := os.CreateTemp("", "rowan-exchange-*")
	if err != nil {
		return nil, state, safety.Wrap(safety.Unavailable, err, "there is no room for the list")
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(spool, sum), io.LimitReader(from, maxList+1))
	switch {
	case err != nil:
		return spool, state, &Failure{Why: "the list was cut short", Err: plain(err)}
	case n > maxList:
		return spool, state, failure("the list is over %d GiB", maxList>>30)
	}
	state.Digest = hex.EncodeToString(sum.Sum(nil))
	return spool, state, nil
}

// openFile opens a file of the folder of imports and of nowhere else.
func (l *list) openFile(name string) (io.ReadCloser, error) {
	root, err := os.OpenRoot(l.folder)
	if err != nil {
		return nil, failure("the folder of imports cannot be read")
	}
	defer func() { _ = root.Close() }()
	f, err := root.Open(name)
	if err != nil {
		return nil, failure("there is no such file in the folder of imports")
	}
	return f, nil
}

// fetch asks for the list; nil when the server says that it has not changed.
func (l *list) fetch(ctx context.Context, before listState) (io.ReadCloser, listState, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return nil, listState{}, failure("the address of the list is malformed")
	}
	req.Header.Set("User-Agent", "Rowan")
	l.auth(req)
	if before.Sure && before.ETag != "" {
		req.Header.Set("If-None-Match", before.ETag)
	} else if before.Sure && before.Modified != "" {
		req.Header.Set("If-Modified-Since", before.Modified)
	}
	res, err := l.http.Do(req)
	if err != nil {
		return nil, listState{}, unreachable(err)
	}
	state := listState{ETag: res.Header.Get("ETag"), Modified: res.Header.Get("Last-Modified")}
	switch {
	case res.StatusCode == http.StatusNotModified && before.Sure:
		return nil, state, res.Body.Close()
	case res.StatusCode != http.StatusOK:
		f := statusFailure(res, l.now())
		return nil, state, errors.Join(f, res.Body.Close())
	case older(state.Modified, before.Modified):
		return nil, state, errors.Join(failure("the source went back in time"), res.Body.Close())
	}
	return res.Body, state, nil
}

func older(modified, than string) bool {
	a, err := http.ParseTime(modified)
	b, err2 := http.ParseTime(than)
	return err == nil && err2 == nil && a.Before(b)
}

// examine reads the list once without applying anything, and counts malformed
// rows.
func (l *list) examine(ctx context.Context, spool *os.File) (malformed int, err error) {
	rows := 0
	err = l.each(ctx, spool, func(_ Change, ok bool) error {
		rows++
		if !ok {
			malformed++
		}
		return nil
	})
	if err == nil && malformed > 10 && malformed*100 > rows*maxMalformed {
		err = failure("%d of %d rows of the list are malformed; nothing was changed", malformed, rows)
	}
	return malformed, err
}

func (l *list) each(ctx context.Context, spool *os.File, row func(Change, bool) error) error {
	if _, err := spool.Seek(0, io.SeekStart); err != nil {
		return err
	}
	n := 0
	err := l.read(spool, func(c Change, ok bool) error {
		if n++; n%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return row(c, ok)
	})
	if e, ok := errors.AsType[*safety.Error](err); ok {
		return &Failure{Why: "the list cannot be read: " + e.Detail} // ours, and without values
	}
	return err
}

// errEnough ends a reading because nobody wants more pages.
var errEnough = errors.New("enough")

// pages yields the list from row skip on.
func (l *list) pages(ctx context.Context, spool *os.File, state listState, skip, malformed int, yield func(Page, error) bool) error {
	rows, begin := 0, skip == 0
	var page Page
	flush := func(end bool) error {
		page.Whole, page.Begin, page.End = true, begin, end
		at := listState{Digest: state.Digest, Rows: rows}
		if end {
			at = state
			at.Done = true
			page.Malformed = malformed
		}
		page.Checkpoint = at.String()
		if !yield(page, nil) {
			return errEnough
		}
		page, begin = Page{}, false
		return nil
	}
	err := l.each(ctx, spool, func(c Change, ok bool) error {
		if rows++; rows <= skip || !ok {
			return nil
		}
		page.Changes = append(page.Changes, c)
		if len(page.Changes) < listPage {
			return nil
		}
		return flush(false)
	})
	if err == nil {
		err = flush(true)
	}
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
