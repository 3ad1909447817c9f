package franking

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"
	"time"
)

// base is the published vector's message.
func base() (Content, Context) {
	content := Content{Sender: "acct:alice", Conversation: "conv:42", ID: [16]byte([]byte("0123456789abcdef")),
		SentAt: time.UnixMilli(0x19ab697e800), Type: "text/plain", Body: []byte("hello, test vector")}
	context := Context{Key: KeyID([]byte("2025w481")), Origin: "chat.example", Sender: "acct:alice", Conversation: "conv:42",
		Seq: 17, AcceptedAt: vectorNow, SizeClass: 1}
	return content, context
}

// made is a message with everything right; changes come after.
type made struct {
	content Content
	context Context
	hubKey  byte
	v       vector
	after   func(*vector)
}

func (m *made) vector(t *testing.T) vector {
	var key Key
	for i := range key {
		key[i] = byte(i)
	}
	content, err := m.content.Encode()
	must(t, err)
	context, err := m.context.Encode()
	must(t, err)
	c := commit(&key, content)
	tg := tag((*[32]byte)(bytes.Repeat([]byte{m.hubKey}, 32)), c, context)
	v := m.v
	v.Key, v.Content, v.Context = hex.EncodeToString(key[:]), hex.EncodeToString(content), hex.EncodeToString(context)
	v.Commitment, v.Tag = hex.EncodeToString(c[:]), hex.EncodeToString(tg[:])
	v.Signature = hex.EncodeToString(ed25519.Sign(vectorSign, signed(tg, context)))
	v.Sender, v.Conversation = "acct:alice", "conv:42"
	if m.after != nil {
		m.after(&v)
	}
	return v
}

func makeVectors(t *testing.T) vectors {
	v := vectors{Origin: "chat.example", SignSeed: strings.Repeat("07", 32), Public: hex.EncodeToString(vectorSign.Public().(ed25519.PublicKey)),
		Now: vectorNow.UnixMilli() + 1000, Window: DefaultWindow.Milliseconds(),
		HubKeys: []vectorKey{{ID: "2025w401"}, {ID: "2025w471", Key: strings.Repeat("0a", 32)}, {ID: "2025w481", Key: strings.Repeat("09", 32)}}}
	v.Messages = messageVectors(t)
	v.Decode = decodeVectors(t, v.Messages[0])
	return v
}

func messageVectors(t *testing.T) (out []vector) {
	add := func(name, receive string, o Outcome, change func(*made)) {
		content, context := base()
		m := made{content: content, context: context, hubKey: 9, v: vector{Name: name, Receive: receive, Outcome: o}}
		change(&m)
		out = append(out, m.vector(t))
	}
	after := func(f func(*vector)) func(*made) { return func(m *made) { m.after = f } }
	add("published", "", Proved, func(*made) {})
	add("empty body", "", Proved, func(m *made) { m.content.Body, m.content.Type = nil, "" })
	add("ten attachments", "", Proved, func(m *made) {
		for i := range 10 {
			m.content.Attachments = append(m.content.Attachments, Attachment{Plain: [32]byte{byte(i)}, Cipher: [32]byte{9, byte(i)}, Size: uint64(i) << 40, Type: "image/png"})
		}
	})
	add("longest texts", "conversation", SenderMismatch, func(m *made) {
		m.content.Type, m.content.Conversation = strings.Repeat("t", MaxText), strings.Repeat("é", 127)
	})
	add("byte order mark is text", "conversation", SenderMismatch, func(m *made) { m.content.Conversation = "\ufeffconv:42" })
	add("last time and number", "key-week", NotOurs, func(m *made) { m.context.Seq = 1<<64 - 1; m.context.AcceptedAt = time.UnixMilli(maxTime) })
	add("week before", "", Proved, func(m *made) {
		m.context.Key, m.hubKey = KeyID([]byte("2025w471")), 10
		m.context.AcceptedAt = vectorNow.Add(-7 * 24 * time.Hour)
	})
	add("destroyed key", "", KeyExpired, func(m *made) {
		m.context.Key = KeyID([]byte("2025w401"))
		m.context.AcceptedAt = vectorNow.Add(-8 * 7 * 24 * time.Hour)
	})
	add("past the window", "", KeyExpired, func(m *made) {
		m.context.Key = KeyID([]byte("2024w401"))
		m.context.AcceptedAt = vectorNow.Add(-60 * 7 * 24 * time.Hour)
	})
	add("key of another week", "key-week", NotOurs, func(m *made) { m.context.AcceptedAt = vectorNow.Add(-7 * 24 * time.Hour) })
	add("unknown key", "", NotOurs, func(m *made) { m.context.Key = KeyID([]byte("2025w482")) })
	add("key id without a week", "key-unknown", NotOurs, func(m *made) { m.context.Key = KeyID([]byte("deadbeef")) })
	add("other hub key", "", NotOurs, func(m *made) { m.hubKey = 8 })
	add("content names another sender", "sender", SenderMismatch, func(m *made) { m.content.Sender = "acct:carol" })
	add("session names another sender", "sender", Proved, after(func(v *vector) { v.Sender = "acct:carol" }))
	add("content names another conversation", "conversation", SenderMismatch, func(m *made) { m.content.Conversation = "conv:43" })
	add("session names another conversation", "conversation", Proved, after(func(v *vector) { v.Conversation = "conv:43" }))
	add("another hub", "audience", NotOurs, func(m *made) { m.context.Origin = "other.example" })
	add("content altered", "commitment", NotOurs, after(func(v *vector) { v.Content = strings.Replace(v.Content, "68656c6c6f", "68656c6c70", 1) }))
	add("key altered", "commitment", NotOurs, after(func(v *vector) { v.Key = "01" + v.Key[2:] }))
	add("commitment altered", "commitment", Proved, after(func(v *vector) { v.Commitment = "00" + v.Commitment[2:] }))
	add("tag altered", "signature", NotOurs, after(func(v *vector) { v.Tag = "00" + v.Tag[2:] }))
	add("signature altered", "signature", NotOurs, after(func(v *vector) { v.Signature = "00" + v.Signature[2:] }))
	add("signature scalar not reduced", "signature", NotOurs, after(func(v *vector) { v.Signature = v.Signature[:64] + strings.Repeat("ff", 32) }))
	add("number altered", "signature", NotOurs, after(func(v *vector) { v.Context = strings.Replace(v.Context, "0000000000000011", "0000000000000012", 1) }))
	add("context cut", "truncated", NotOurs, after(func(v *vector) { v.Context = v.Context[:len(v.Context)-2] }))
	add("content with a byte more", "trailing", NotOurs, after(func(v *vector) { v.Content += "00" }))
	return out
}

func decodeVectors(t *testing.T, p vector) (out []badEncoding) {
	add := func(name, kind, bytes, err string) { out = append(out, badEncoding{name, kind, bytes, err}) }
	swap := func(s, old, with string) string {
		if !strings.Contains(s, old) {
			t.Fatalf("%s is not there", old)
		}
		return strings.Replace(s, old, with, 1)
	}
	stamp := p.Tag + p.Signature + p.Context
	add("content", "content", p.Content, "")
	add("content of version 2", "content", "0002"+p.Content[4:], "version")
	add("content without a byte", "content", "", "truncated")
	add("content without sender", "content", swap(p.Content, "0a616363743a616c696365", "00"), "empty")
	add("content with a sender that is not UTF-8", "content", swap(p.Content, "616c696365", "616c6963ff"), "text")
	add("content with half a surrogate pair", "content", swap(p.Content, "616c696365", "6161eda080"), "text")
	add("content after the year 9999", "content", swap(p.Content, "0000019ab697e800", "0000e677d2200000"), "range")
	add("content with too long a body", "content", swap(p.Content, "00000012", "00010001"), "length")
	add("content with the longest body", "content", swap(p.Content, "0000001268656c6c6f2c207465737420766563746f720000", "00010000 61*65536 0000"), "")
	add("content with 101 attachments", "content", p.Content[:len(p.Content)-4]+"0065", "length")
	add("content with an attachment of 2^53 bytes", "content", p.Content[:len(p.Content)-4]+"0001 00*64 0020000000000000 00", "range")
	add("content with an attachment of 2^53-1 bytes", "content", p.Content[:len(p.Content)-4]+"0001 00*64 001fffffffffffff 00", "")
	add("content with half an attachment", "content", p.Content[:len(p.Content)-4]+"0001 00*40", "truncated")
	add("context", "context", p.Context, "")
	add("context of version 0", "context", "0000"+p.Context[4:], "version")
	add("context without origin", "context", swap(p.Context, "0c636861742e6578616d706c65", "00"), "empty")
	add("context with a byte more", "context", p.Context+"00", "trailing")
	add("context that is too long", "context", p.Context+" 00*800", "length")
	add("stamp", "stamp", stamp, "")
	add("stamp cut in the signature", "stamp", stamp[:100], "truncated")
	add("stamp without context", "stamp", stamp[:192], "truncated")
	return append(out, reportVectors(p)...)
}

func reportVectors(p vector) (out []badEncoding) {
	add := func(name, bytes, err string) { out = append(out, badEncoding{name, "report", bytes, err}) }
	n32 := func(s string) string { return hex.EncodeToString([]byte{0, 0, 0, byte(len(s) / 2)}) + s }
	message := p.Key + n32(p.Content) + p.Tag + p.Signature + n32(p.Context)
	head, note := "0001"+"08"+hex.EncodeToString([]byte("acct:bob"))+"0003", "0000000568656c6c6f"
	add("report", head+"01"+"0001"+message+"0000"+note, "")
	add("report with a key of a file", head+"00"+"0001"+message+"0001"+"0000"+"02abcd"+"00000001"+"6c"+note, "")
	add("report with keys out of order", head+"00"+"0001"+message+"0002"+"0001"+"01ab"+"000000016c"+"0001"+"01ab"+"000000016c"+note, "non-canonical")
	add("report with an empty key", head+"00"+"0001"+message+"0001"+"0000"+"00"+"000000016c"+note, "empty")
	add("report with a truth value of 2", head+"02"+"0001"+message+"0000"+note, "non-canonical")
	add("report of no message", head+"00"+"0000"+note, "report-size")
	add("report of 32 messages", head+"00"+"0020", "report-size")
	add("report over a megabyte", head+"00"+" 00*1048577", "report-size")
	add("report with a note that is not UTF-8", head+"01"+"0001"+message+"0000"+"00000001ff", "text")
	add("report with too long a note", head+"01"+"0001"+message+"0000"+"00002001", "length")
	return out
}
