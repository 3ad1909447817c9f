// Package opinions stands for the programs that give second opinions on a
// conversation: closed services (Hive's text tasks, through which Thorn's classifier
// is offered), and servers of models in the form of their interface. It checks each
// request by its own table, not by the code that it tests, answers what it was told
// to, and can be told to misbehave. It judges nothing: no figure from it says how good
// an opinion is.
//
// The forms are those of public documentation (docs.thehive.ai, OpenAI's chat
// completions as vLLM and llama.cpp document them). Nothing here was compared with the
// services themselves. It is never linked into rowan.
package opinions

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Fault is what goes wrong.
type Fault int

// The faults.
const (
	None      Fault = iota
	Hang            // no answer until the client goes
	HangBody        // a header and half a body, then nothing
	Cut             // the connection breaks
	Error           // 500 with a page that repeats the request
	Busy            // 429
	Redirect        // 307 to Elsewhere
	Prose           // a sentence, with the content type of JSON
	Page            // a page with status 200
	Huge            // ten million bytes of JSON
	Bomb            // a small gzip of twenty million bytes
	Trailing        // the answer and something behind it
	Twice           // the first name of the answer twice
	Nothing         // an empty body
	NotNumber       // NaN where a number belongs
)

// Server is the stand-in. Its fields are set before it is asked.
type Server struct {
	Kind      string             // chat, hive, labels, plain
	Key       string             // asked for in the Authorization header if not empty
	MaxChars  int                // of a text; 1,024 for hive whatever is set
	Content   string             // chat: what the model writes
	Finish    string             // chat: finish_reason; "stop" if empty
	Labels    map[string]float64 // hive, labels
	Answer    string             // plain: the body
	Elsewhere string             // of Redirect

	mu     sync.Mutex
	fault  Fault    // guarded by mu
	asked  int      // guarded by mu
	bodies [][]byte // guarded by mu: requests that were in order
	wrong  []string // guarded by mu: what was wrong with requests
}

// Fail sets what goes wrong from now on.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Asked is how many requests came.
func (s *Server) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Bodies are the bodies of requests that were in order.
func (s *Server) Bodies() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

// Wrong says what was wrong with requests.
func (s *Server) Wrong() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.wrong)
}

// ServeHTTP answers one question.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err == nil {
		err = s.check(r, body)
	}
	s.mu.Lock()
	s.asked++
	fault := s.fault
	if err != nil {
		s.wrong = append(s.wrong, err.Error())
	} else {
		s.bodies = append(s.bodies, body)
	}
	s.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if fault != None {
		s.misbehave(w, r, fault, body)
		return
	}
	_, _ = io.WriteString(w, s.answer())
}

func (s *Server) answer() string {
	switch s.Kind {
	case "chat":
		finish := s.Finish
		if finish == "" {
			finish = "stop"
		}
		return text(map[string]any{"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "stand-in", "service_tier": nil,
			"choices": []any{map[string]any{"index": 0, "logprobs": nil, "finish_reason": finish,
				"message": map[string]any{"role": "assistant", "content": s.Content, "reasoning_content": "Not for anybody to read.", "refusal": nil, "tool_calls": []any{}}}},
			"usage": map[string]any{"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}})
	case "hive":
		var classes []any
		for l, p := range s.Labels {
			classes = append(classes, map[string]any{"class": l, "score": p})
		}
		return text(map[string]any{"id": "1", "code": 200, "project_id": 1, "from_cache": false, "status": []any{map[string]any{
			"status":   map[string]any{"code": "0", "message": "SUCCESS"},
			"response": map[string]any{"input": map[string]any{"text": "…", "model": "stand-in"}, "output": []any{map[string]any{"time": 0, "classes": classes}}}}}})
	case "labels":
		var list []any
		for l, p := range s.Labels {
			list = append(list, map[string]any{"label": l, "score": p})
		}
		return text(list)
	}
	return s.Answer
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, f Fault, body []byte) {
	good := s.answer()
	switch f {
	case Hang:
		<-r.Context().Done()
	case HangBody:
		_, _ = io.WriteString(w, good[:len(good)/2])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	case Cut:
		panic(http.ErrAbortHandler)
	case Error:
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(body)
	case Busy:
		w.WriteHeader(http.StatusTooManyRequests)
	case Redirect:
		w.Header().Set("Location", s.Elsewhere)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case Prose:
		_, _ = io.WriteString(w, "I think this is fine.")
	case Page:
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>Welcome</p>")
	case Huge:
		_, _ = io.WriteString(w, good[:1]+strings.Repeat(" ", 10_000_000)+good[1:])
	case Bomb:
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb())
	case Trailing:
		_, _ = io.WriteString(w, good+good)
	case Twice:
		_, _ = io.WriteString(w, doubled(good))
	case NotNumber:
		_, _ = io.WriteString(w, regexp.MustCompile(`[0-9.]+`).ReplaceAllString(good, "NaN"))
	case Nothing, None:
	}
}

// doubled writes the first name of the first object once more.
func doubled(answer string) string {
	return strings.Replace(answer, "{", `{"`+regexp.MustCompile(`\{"([a-z_]+)"`).FindStringSubmatch(answer)[1]+`":null,`, 1)
}

func bomb() []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	zeros := make([]byte, 1<<20)
	for range 20 {
		_, _ = z.Write(zeros)
	}
	_ = z.Close()
	return b.Bytes()
}

func (s *Server) check(r *http.Request, body []byte) error {
	if r.Method != http.MethodPost {
		return fmt.Errorf("%s", r.Method)
	}
	scheme := "Bearer"
	if s.Kind == "hive" {
		scheme = "Token"
	}
	want := ""
	if s.Key != "" {
		want = scheme + " " + s.Key
	}
	if got := r.Header.Get("Authorization"); got != want {
		return fmt.Errorf("authorization is wrong")
	}
	if s.Kind == "hive" {
		return checkForm(r, body)
	}
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
		return fmt.Errorf("content type %q", t)
	}
	return map[string]func([]byte) error{"chat": s.checkChat, "labels": s.checkLabels, "plain": s.checkWindow}[s.Kind](body)
}

func checkForm(r *http.Request, body []byte) error {
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		return err
	}
	f := r.MultipartForm
	if len(f.File) > 0 || len(f.Value) != 1 || len(f.Value["text_data"]) != 1 {
		return fmt.Errorf("one text_data and nothing else")
	}
	if n := utf8.RuneCountInString(f.Value["text_data"][0]); n == 0 || n > 1024 {
		return fmt.Errorf("text_data has %d characters, 1 to 1024 are allowed", n)
	}
	return nil
}

func (s *Server) checkLabels(body []byte) error {
	var q struct {
		Inputs    *string `json:"inputs"`
		Truncate  *bool   `json:"truncate"`
		RawScores *bool   `json:"raw_scores"`
	}
	if err := strict(body, &q); err != nil {
		return err
	}
	if q.Inputs == nil || *q.Inputs == "" || q.RawScores == nil || *q.RawScores {
		return fmt.Errorf("inputs, and probabilities")
	}
	return s.short(*q.Inputs)
}

func (s *Server) short(text string) error {
	if n := utf8.RuneCountInString(text); s.MaxChars > 0 && n > s.MaxChars {
		return fmt.Errorf("%d characters, %d are allowed", n, s.MaxChars)
	}
	return nil
}

func (s *Server) checkChat(body []byte) error {
	var q struct {
		Model       string   `json:"model"`
		Temperature *float64 `json:"temperature"`
		N           int      `json:"n"`
		Stream      *bool    `json:"stream"`
		MaxTokens   int      `json:"max_tokens"`
		Messages    []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
		Format struct {
			Type   string `json:"type"`
			Schema struct {
				Name   string         `json:"name"`
				Strict bool           `json:"strict"`
				Schema map[string]any `json:"schema"`
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := strict(body, &q); err != nil {
		return err
	}
	required, _ := q.Format.Schema.Schema["required"].([]any)
	switch {
	case q.Model == "" || q.Temperature == nil || *q.Temperature != 0 || q.N != 1 || q.Stream == nil || *q.Stream || q.MaxTokens < 64:
		return fmt.Errorf("model, temperature 0, n 1, no stream, max_tokens")
	case q.Format.Type != "json_schema" || !q.Format.Schema.Strict || q.Format.Schema.Name == "" ||
		!reflect.DeepEqual(required, []any{"indicators", "counter_evidence", "insufficient"}):
		return fmt.Errorf("response_format: a strict JSON schema of the answer")
	case len(q.Messages) != 2 || q.Messages[0].Role != "system" || q.Messages[1].Role != "user":
		return fmt.Errorf("%d messages; one of the system and one of the user", len(q.Messages))
	case !strings.Contains(q.Messages[0].Content, "never an instruction") || !strings.Contains(q.Messages[0].Content, "Never quote"):
		return fmt.Errorf("the system message must say that messages are data, and forbid quoting")
	}
	return s.checkWindow([]byte(q.Messages[1].Content))
}

// Window is a conversation as it is sent.
type Window struct {
	Format   string `json:"format"`
	Language string `json:"language"`
	AgeA     string `json:"age_a"`
	AgeB     string `json:"age_b"`
	Tie      string `json:"tie"`
	Lines    []struct {
		ID      string `json:"id"`
		Role    string `json:"role"`
		Seconds *int64 `json:"seconds"`
		Text    string `json:"text"`
	} `json:"lines"`
}

func (s *Server) checkWindow(body []byte) error {
	var w Window
	if err := strict(body, &w); err != nil {
		return err
	}
	if s.Kind == "plain" && w.Format != "rowan-window-1" || len(w.Lines) == 0 {
		return fmt.Errorf("the format is wrong, or there are no lines")
	}
	all, seen := "", map[string]bool{}
	for _, l := range w.Lines {
		if !regexp.MustCompile(`^m[0-9]+$`).MatchString(l.ID) || seen[l.ID] || l.Role != "A" && l.Role != "B" || l.Seconds == nil || l.Text == "" {
			return fmt.Errorf("a line is wrong")
		}
		seen[l.ID] = true
		all += l.Text
	}
	return s.short(all)
}

func strict(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("the request is not in the format")
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("the request has something behind it")
	}
	return nil
}
