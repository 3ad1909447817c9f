package cybertip

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// Upload adds a file to an open report. The file is streamed from r, which must
// hold exactly size bytes, and hashed on the way; the MD5 that the authority
// returns must be that of the bytes sent ([ErrHashMismatch]). FileID of the
// response is the number of the file.
//
// r is not used after Upload returns. If ctx ends while r blocks in Read, Upload
// waits for that Read.
func (c *Client) Upload(ctx context.Context, reportID int64, filename string, r io.Reader, size int64) (Response, error) {
	if size < 0 {
		return Response{}, errors.New("cybertip: upload: negative size")
	}
	head, tail, contentType := envelope(reportID, filename)
	b := newUpload(head, tail, r, size)
	res, err := c.call(ctx, request{op: "upload", method: http.MethodPost, contentType: contentType,
		body: b, size: int64(len(head)) + size + int64(len(tail))})
	b.record(&res.Exchange)
	if e := b.failure(); e != nil && err != nil {
		err = fmt.Errorf("%w: %w", e, err)
	}
	if err != nil {
		return res, err
	}
	return res, b.verify(reportID, &res)
}

// envelope is the multipart form around the file.
func envelope(reportID int64, filename string) (head, tail []byte, contentType string) {
	filename = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, filename)
	if filename == "" {
		filename = "file"
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	// Writes to a bytes.Buffer do not fail.
	_ = w.WriteField("id", strconv.FormatInt(reportID, 10))
	_, _ = w.CreateFormFile("file", filename)
	n := b.Len()
	_ = w.Close()
	all := b.Bytes()
	return all[:n:n], all[n:], w.FormDataContentType()
}

// upload is the body of an upload. The transport reads it in a goroutine of
// its own and may still do so when the answer is there, hence the lock.
type upload struct {
	mu     sync.Mutex
	body   io.Reader // guarded by mu, like all below
	file   *sized
	whole  hash.Hash
	sent   int64
	closed bool
}

func newUpload(head, tail []byte, r io.Reader, size int64) *upload {
	f := &sized{r: r, left: size, md5: md5.New(), sha256: sha256.New()}
	return &upload{body: io.MultiReader(bytes.NewReader(head), f, bytes.NewReader(tail)), file: f, whole: sha256.New()}
}

func (u *upload) Read(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := u.body.Read(p)
	u.whole.Write(p[:n])
	u.sent += int64(n)
	return n, err
}

// Close keeps the transport from reading on. It waits for a Read under way.
func (u *upload) Close() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	return nil
}

// record writes what was sent into x and closes u.
func (u *upload) record(x *Exchange) {
	_ = u.Close()
	x.RequestBytes, x.RequestSHA256 = u.sent, hex.EncodeToString(u.whole.Sum(nil))
	x.FileBytes = u.file.n
	x.FileMD5 = hex.EncodeToString(u.file.md5.Sum(nil))
	x.FileSHA256 = hex.EncodeToString(u.file.sha256.Sum(nil))
}

// failure returns the error of the file itself, if any.
func (u *upload) failure() error { return u.file.err }

// verify judges an answer that says success.
func (u *upload) verify(reportID int64, r *Response) error {
	switch {
	case r.FileID == "" || r.Hash == "":
		return r.malformed("no fileId or hash")
	case r.ReportID != 0 && r.ReportID != reportID:
		return r.malformed("another report's number")
	case u.file.left != 0 || u.file.err != nil:
		return r.malformed("success before the file was sent")
	case r.Hash != r.Exchange.FileMD5:
		return fmt.Errorf("%w (report %d)", ErrHashMismatch, reportID)
	}
	return nil
}

// sized reads exactly left bytes of r and hashes them. One byte more or less
// is [ErrFileSize].
type sized struct {
	r           io.Reader
	left, n     int64
	md5, sha256 hash.Hash
	err         error
}

func (s *sized) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.left == 0 {
		return 0, s.end()
	}
	if int64(len(p)) > s.left {
		p = p[:s.left]
	}
	n, err := s.r.Read(p)
	s.md5.Write(p[:n])
	s.sha256.Write(p[:n])
	s.n += int64(n)
	s.left -= int64(n)
	if err == io.EOF {
		err = nil
		if s.left > 0 {
			err = ErrFileSize
		}
	}
	s.err = err
	return n, err
}

// end checks that r is at its end.
func (s *sized) end() error {
	var one [1]byte
	for range 100 {
		n, err := s.r.Read(one[:])
		if n > 0 {
			s.err = ErrFileSize
			return s.err
		}
		if err == io.EOF {
			return io.EOF
		}
		if err != nil {
			s.err = err
			return err
		}
	}
	s.err = io.ErrNoProgress
	return s.err
}
