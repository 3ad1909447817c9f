package sample

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/rowan-safety/rowan/client"
)

// said is one line of a sample conversation: "a" for the actor or "t" for the
// target, and neutral words. An empty text is a picture.
type said struct {
	who, text string
	after     time.Duration
}

type dialogue struct {
	id            string
	actor, target map[string]any
	relation      map[string]any
	before        time.Duration // now
	lines         []said
}

func party(id, band, source string, more map[string]any) map[string]any {
	p := map[string]any{"id": id, "jurisdiction": "GB"}
	if band != "" {
		p["age_band"], p["age_source"] = band, source
	}
	maps.Copy(p, more)
	return p
}

// talks are two conversations in which somebody prepares harm, one of friends, and
// accounts that share things.
func talks() []dialogue {
	const m, h = time.Minute, time.Hour
	device := map[string]any{"devices": []string{"example-device-9"}, "payments": []string{"example-wallet-3"}}
	strangers := map[string]any{"connected": false, "mutuals": 0}
	return []dialogue{
		{id: "dm_3001", actor: party("u_3001", "adult", "estimated", device), target: party("u_3101", "13-15", "self_declared", nil), relation: strangers, before: 30 * h, lines: []said{
			{"a", "hi, good match today", m}, {"t", "thanks, that was close", m}, {"a", "so what grade are you in", 2 * m}, {"t", "why", m},
			{"a", "i can give you coins for the next season", 3 * m}, {"t", "oh nice", m}, {"a", "you are so mature for your age", 20 * m},
			{"a", "don't tell anyone about the coins", 2 * m}, {"t", "ok", m}, {"a", "did you see the new map", 20 * h}, {"t", "yes, the boats are so fast now", m},
			{"a", "are you home alone", 5 * m}, {"t", "my brother is here", m}, {"a", "send me a picture of your room", 6 * m}, {"t", "i don't want to", m},
			{"a", "show me your room", 2 * m}, {"t", "no", m}, {"a", "keep this between us", 3 * m}, {"a", "can we meet at the mall", 4 * m}, {"t", "i have homework to do", 2 * m}}},
		{id: "dm_3002", actor: party("u_3002", "", "", device), target: party("u_3102", "16-17", "verified", nil), relation: strangers, before: 40 * m, lines: []said{
			{"a", "hey, add me on AppX", m}, {"t", "i do not use it", m}, {"a", "send a selfie", m}, {"t", "", m}, {"a", "i have screenshots of everything", 2 * m},
			{"a", "i have your friend list", m}, {"t", "no, please stop", m}, {"a", "you have to pay me", m}, {"t", "leave me alone", m}, {"a", "send the code", m}}},
		{id: "dm_3003", actor: party("u_3003", "13-15", "verified", nil), target: party("u_3103", "13-15", "verified", nil), relation: map[string]any{"connected": true, "mutuals": 9}, before: 3 * h, lines: []said{
			{"a", "did you finish the maths homework", m}, {"t", "send me a picture of your page two", 2 * m}, {"a", "here", m}, {"a", "", m}, {"t", "thanks, see you at school", m},
			{"a", "can we meet at the library on saturday", 4 * m}, {"t", "yes, don't tell kim, it is a surprise", m}}},
		{id: "dm_3004", actor: party("u_3004", "adult", "self_declared", device), target: party("u_3101", "13-15", "self_declared", nil), relation: strangers, before: 6 * h, lines: []said{
			{"a", "how old are you", m}, {"t", "not saying", m}, {"a", "do your parents check your phone", 2 * m}, {"a", "please delete this chat", m},
			{"t", "no, please stop", m}, {"a", "do your parents check your phone", 2 * m}, {"a", "send a selfie", m}, {"t", "i don't want to", m}, {"a", "send a selfie", 2 * m}}},
	}
}

// playTalks sends the conversations. Sent twice, they count once.
func playTalks(ctx context.Context, c *client.Client, now time.Time) error {
	for _, d := range talks() {
		at := now.Add(-d.before)
		var events []client.Event
		for i, l := range d.lines {
			at = at.Add(l.after)
			from, to := d.actor, d.target
			if l.who == "t" {
				from, to = to, from
			}
			data := map[string]any{"conversation_id": d.id, "surface": "private", "jurisdiction": "GB", "from": from, "to": []any{to}, "relation": d.relation}
			kind := "message"
			if l.text == "" {
				kind = "media_sent"
			} else {
				data["text"] = l.text
			}
			events = append(events, client.Event{ID: fmt.Sprintf("%s_%d", d.id, i+1), Source: "sample", Type: kind, Time: at, Data: data})
		}
		if _, err := c.SendEvents(ctx, events...); err != nil {
			return fmt.Errorf("conversation %s: %w", d.id, err)
		}
	}
	return nil
}
