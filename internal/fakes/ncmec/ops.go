package ncmec

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

func settled(a answer) carry { return func() answer { return a } }

// document reads an XML body and judges it against the table and the rules.
func (s *Server) document(r *http.Request, root string) (*node, []byte, answer) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "text/xml" && kind != "application/xml" {
		return nil, nil, refuse(4000, "the content type must be text/xml")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxDocument+1))
	if err != nil || len(body) > maxDocument {
		return nil, nil, refuse(4000, "the body could not be read")
	}
	if cs := strings.ToLower(params["charset"]); cs != "utf-8" && !ascii(body) {
		return nil, nil, refuse(4110, "text outside ASCII needs charset=utf-8")
	}
	n, ok := parseTree(body)
	if !ok {
		return nil, nil, refuse(4110, "malformed XML")
	}
	if n.name != root {
		return nil, nil, refuse(4100, "the root element must be "+root)
	}
	var f faultList
	if f.checkSchema(n, root); len(f) == 0 {
		f = rules(n, s.cfg.Now(), s.known)
	}
	if len(f) > 0 {
		return nil, nil, refuse(4100, "validation failed: "+strings.Join(f, "; "))
	}
	return n, body, answer{}
}

func ascii(b []byte) bool { return !bytes.ContainsFunc(b, func(r rune) bool { return r > 127 }) }

func (s *Server) submit(r *http.Request) carry {
	_, body, bad := s.document(r, "report")
	if bad.code != 0 {
		return settled(bad)
	}
	return func() answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		e := event{Op: "submit", At: s.cfg.Now(), Report: s.state.next, XML: body}
		if !s.commit(e) {
			return refuse(1100, "save failed")
		}
		return answer{description: "Success", reportID: e.Report}
	}
}

// upload hashes the file while it comes in and keeps nothing of it. The id may
// stand before or after the file.
func (s *Server) upload(r *http.Request) carry {
	parts, err := r.MultipartReader()
	if err != nil {
		return settled(refuse(4000, "the content type must be multipart/form-data"))
	}
	var id string
	var file *File
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return settled(refuse(4200, "malformed file submittal"))
		}
		switch {
		case p.FormName() == "id" && id == "":
			id, err = small(p)
		case p.FormName() == "file" && p.FileName() != "" && file == nil:
			file, err = receive(p)
		default:
			err = errors.New("unknown part")
		}
		if err != nil {
			return settled(refuse(4200, "malformed file submittal"))
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(id), 10, 64)
	if err != nil {
		return settled(refuse(4000, "id is missing or not a number"))
	}
	if file == nil {
		return settled(refuse(4200, "file is missing"))
	}
	return func() answer { return s.keep(n, *file) }
}

func (s *Server) keep(id int64, f File) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, code := s.state.editable(id, s.cfg.Now())
	if code != 0 {
		return refuse(code, meaning[code])
	}
	f.ID = r.fileID()
	if !s.commit(event{Op: "upload", At: s.cfg.Now(), Report: id, File: &f}) {
		return refuse(1111, "file upload failed")
	}
	return answer{description: "Success", reportID: id, fileID: f.ID, hash: f.MD5}
}

func receive(p *multipart.Part) (*File, error) {
	m, h := md5.New(), sha256.New()
	n, err := io.Copy(io.MultiWriter(m, h), p)
	return &File{Name: p.FileName(), Bytes: n, MD5: hex.EncodeToString(m.Sum(nil)),
		SHA256: hex.EncodeToString(h.Sum(nil))}, err
}

// small reads a form field.
func small(r io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(r, 65))
	if len(b) > 64 {
		return "", errors.New("too long")
	}
	return string(b), err
}

func (s *Server) fileinfo(r *http.Request) carry {
	n, body, bad := s.document(r, "fileDetails")
	if bad.code != 0 {
		return settled(bad)
	}
	return func() answer {
		id, _ := strconv.ParseInt(n.value("reportId"), 10, 64) // the table says it is one
		return s.describe(id, n, body)
	}
}

func (s *Server) describe(id int64, n *node, body []byte) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, code := s.state.editable(id, s.cfg.Now())
	if code != 0 {
		return refuse(code, meaning[code])
	}
	var f *File
	for i := range r.Files {
		if r.Files[i].ID == n.value("fileId") {
			f = &r.Files[i]
		}
	}
	switch {
	case f == nil:
		return refuse(5002, meaning[5002])
	case f.Info != nil:
		return refuse(4100, "the file has its details already")
	}
	if r.batched {
		var bad faultList
		if bad.batchedFile(n); len(bad) > 0 {
			return refuse(4100, "validation failed: "+strings.Join(bad, "; "))
		}
	}
	if !s.commit(event{Op: "fileinfo", At: s.cfg.Now(), Report: id, XML: body, File: &File{ID: f.ID}}) {
		return refuse(1300, "update failed")
	}
	return answer{description: "Success", reportID: id}
}

func (s *Server) finish(r *http.Request) carry {
	id, ok := formID(r)
	if !ok {
		return settled(refuse(4000, "id is missing or not a number"))
	}
	return func() answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		rep, code := s.state.editable(id, s.cfg.Now())
		if code != 0 {
			return refuse(code, meaning[code])
		}
		if rep.batched && len(rep.Files) > 1 {
			return refuse(4100, "a batched report may have one file")
		}
		if !s.commit(event{Op: "finish", At: s.cfg.Now(), Report: id}) {
			return refuse(1300, "update failed")
		}
		a := answer{done: true, reportID: id}
		for _, f := range rep.Files {
			a.files = append(a.files, f.ID)
		}
		return a
	}
}

func (s *Server) retract(r *http.Request) carry {
	id, ok := formID(r)
	if !ok {
		return settled(refuse(4000, "id is missing or not a number"))
	}
	return func() answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, code := s.state.editable(id, s.cfg.Now()); code != 0 {
			return refuse(code, meaning[code])
		}
		if !s.commit(event{Op: "retract", At: s.cfg.Now(), Report: id}) {
			return refuse(1300, "update failed")
		}
		return answer{description: "Success", reportID: id}
	}
}

// formID reads the form of finish and retract: multipart as documented, or
// urlencoded as other clients send it (unverified).
func formID(r *http.Request) (int64, bool) {
	const limit = 64 << 10
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return 0, false
	}
	var text string
	body := io.LimitReader(r.Body, limit)
	switch kind {
	case "multipart/form-data":
		p, err := multipart.NewReader(body, params["boundary"]).NextPart()
		if err != nil || p.FormName() != "id" {
			return 0, false
		}
		if text, err = small(p); err != nil {
			return 0, false
		}
	case "application/x-www-form-urlencoded":
		b, err := io.ReadAll(body)
		if err != nil {
			return 0, false
		}
		form, err := url.ParseQuery(string(b))
		if err != nil {
			return 0, false
		}
		text = form.Get("id")
	}
	id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return id, err == nil
}

var meaning = map[int]string{
	5001: "report does not exist",
	5002: "file does not exist",
	5101: "report already retracted",
	5102: "report already finished",
}
