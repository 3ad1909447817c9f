package eval

import (
	"encoding/json"
	"io"
	"strings"
	"time"
)

// espdChat is a chat of a datapack, as far as it is used.
type espdChat struct {
	Class   string         `json:"className"`
	Content []*espdContent `json:"content"`
}

type espdContent struct {
	Type   string   `json:"type"`
	Author *string  `json:"author"`
	Body   *string  `json:"body"`
	Time   *float64 `json:"time"` // milliseconds, of which only the time of day means something
	Harm   bool     `json:"isFromPredator"`
}

// ESPD reads a datapack of the eSPD study: an object whose "chats" is an object of
// chats, each with className ("predator" or "non-predator") and content: messages
// (author, body, time in milliseconds or null, isFromPredator), separators, and null
// where a line was dropped. Times carry no date: what goes back is the next day.
func ESPD(r io.Reader, key Key) Source {
	return func(yield func(*Conversation, error) bool) {
		m := &meter{r: r}
		m.mark()
		d := json.NewDecoder(m)
		err := object(d, func(name string) (bool, error) {
			if name != "chats" {
				var skipped json.RawMessage
				return true, d.Decode(&skipped)
			}
			return eachChat(d, m, key, yield)
		})
		if err != nil {
			yield(nil, fail(err, "byte", d.InputOffset()))
		}
	}
}

// object calls fn with each key of the object that comes next, until it says not to
// go on. fn reads the value.
func object(d *json.Decoder, fn func(string) (bool, error)) error {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return orCorpus(err)
	}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return orCorpus(err)
		}
		if on, err := fn(name); err != nil || !on {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func orCorpus(err error) error {
	if err == nil {
		return ErrCorpus
	}
	return err
}

func eachChat(d *json.Decoder, m *meter, key Key, yield func(*Conversation, error) bool) (on bool, err error) {
	on = true
	err = object(d, func(name string) (bool, error) {
		var chat espdChat
		if err := d.Decode(&chat); err != nil {
			return false, err
		}
		m.mark()
		c, err := chat.conversation(key, name)
		if err != nil {
			return false, err
		}
		on = yield(c, nil)
		return on, nil
	})
	return on && err == nil, err
}

func (chat *espdChat) conversation(key Key, name string) (*Conversation, error) {
	c := &Conversation{ID: key.id("conversation", name)}
	var k clock
	for _, x := range chat.Content {
		switch {
		case x == nil || x.Type != "message":
			c.Odd.Gaps++
			continue
		case x.Author == nil || strings.TrimSpace(*x.Author) == "":
			c.Odd.NoAuthor++
			continue
		}
		n, err := c.author(key.id("author", strings.TrimSpace(*x.Author)))
		if err != nil {
			return nil, err
		}
		c.Authors[n].Label = max(c.Authors[n].Label, Benign)
		if x.Harm {
			c.Authors[n].Label = Harm
		}
		text := ""
		if x.Body != nil {
			text = unescape(*x.Body)
		}
		if text == "" {
			c.Odd.EmptyText++
		}
		since, ok := x.sinceMidnight()
		if err := c.add(Message{At: k.at(since, ok, &c.Odd), Author: n, Target: everybody, Text: text}); err != nil {
			return nil, err
		}
	}
	if len(c.Messages) > 150 {
		c.Odd.Long++
	}
	chat.class(c)
	return c, nil
}

// class is what the chat is labelled as. Where its authors are labelled otherwise,
// it is counted, and harm is believed.
func (chat *espdChat) class(c *Conversation) {
	authors := c.Label()
	switch chat.Class {
	case "predator", "positive":
		c.Class = Harm
	case "non-predator", "negative":
		c.Class = Benign
	}
	if c.Class != Unlabelled && authors != Unlabelled && c.Class != authors {
		c.Odd.Disagree++
	}
}

func (x *espdContent) sinceMidnight() (time.Duration, bool) {
	if x.Time == nil || *x.Time < 0 || *x.Time > 1e15 {
		return 0, false
	}
	return time.Duration(int64(*x.Time)%(24*60*60*1000)) * time.Millisecond, true
}
