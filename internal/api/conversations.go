package api

import (
	"context"
	"slices"
	"time"

	"github.com/rowan-safety/rowan/internal/access"
	"github.com/rowan-safety/rowan/internal/conduct"
	"github.com/rowan-safety/rowan/internal/conversation"
	"github.com/rowan-safety/rowan/internal/store"
)

// SideModel is one of the two in a conversation.
type SideModel struct {
	AccountID string `json:"account_id"`
	Age       string `json:"age" doc:"What is known, and how"`
	Child     bool   `json:"child"`
}

// PartModel is one summand of a score.
type PartModel struct {
	Name   string  `json:"name"`
	Family string  `json:"family"`
	Value  float64 `json:"value"`
}

// MarkModel is a message that changed something.
type MarkModel struct {
	EventID    string      `json:"event_id"`
	At         time.Time   `json:"at"`
	From       string      `json:"from" enum:"actor,target"`
	Indicators []NameValue `json:"indicators"`
	Score      float64     `json:"score" doc:"After it"`
	Tier       string      `json:"tier" enum:"none,tip,friction,review"`
	Fast       []string    `json:"fast"`
	Refuses    bool        `json:"refuses" doc:"The child said no"`
	Media      bool        `json:"media"`
	Kept       bool        `json:"kept" doc:"Its text is in the vault"`
}

// NameValue is what a message added to an indicator.
type NameValue struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// ShownModel is how often one side showed an indicator.
type ShownModel struct {
	From      string    `json:"from" enum:"actor,target"`
	Indicator string    `json:"indicator"`
	Count     int       `json:"count"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
}

// ProtectiveStepModel is something that was done without a person.
type ProtectiveStepModel struct {
	At    time.Time  `json:"at"`
	Until *time.Time `json:"until,omitempty"`
	Kind  string     `json:"kind" enum:"tip,help_screen,channel_pause,friction"`
	To    string     `json:"to" doc:"The account concerned"`
}

// ConductPart is a part of the score of the actor's conduct, in thousandths.
type ConductPart struct {
	Indicator string `json:"indicator"`
	Family    string `json:"family"`
	Points    int64  `json:"points"`
}

// ConversationModel is a conversation on a case: why a person was asked, as it was
// then, and what has happened in it since.
type ConversationModel struct {
	ID             string    `json:"id"`
	ItemID         string    `json:"item_id"`
	ConversationID string    `json:"conversation_id"`
	Actor          SideModel `json:"actor"`
	Target         SideModel `json:"target"`
	Surface        string    `json:"surface"`
	Jurisdiction   string    `json:"jurisdiction"`
	Mode           string    `json:"mode" enum:"full,metadata"`
	Cause          string    `json:"cause" enum:"fast,review,conduct,audit"`
	AlertAt        time.Time `json:"alert_at"`
	Detectors      []string  `json:"detectors"`
	Fast           []string  `json:"fast"`
	Summary        string    `json:"summary"`
	Score          float64   `json:"score"`
	Tier           string    `json:"tier" enum:"none,tip,friction,review"`
	Tip            float64   `json:"tip" doc:"Score from which a tip is shown"`
	Friction       float64   `json:"friction"`
	Review         float64   `json:"review"`

	Parts    []PartModel   `json:"parts" doc:"Add up to the score"`
	Against  []PartModel   `json:"against"`
	Missing  []string      `json:"missing" doc:"What was not known or not read"`
	Conduct  []ConductPart `json:"conduct"`
	Coverage string        `json:"coverage" enum:"text,metadata_only"`
	Language string        `json:"language"`
	Messages int           `json:"messages"`
	Unread   int           `json:"unread"`
	Versions struct {
		Words   string `json:"words"`
		Weights string `json:"weights"`
	} `json:"versions"`
	Marks        []MarkModel           `json:"marks" doc:"The oldest first"`
	MarksDropped bool                  `json:"marks_dropped" doc:"There were more than are kept"`
	Asked        []ShownModel          `json:"asked"`
	Steps        []ProtectiveStepModel `json:"steps"`
	KeptMessages int                   `json:"kept_messages" doc:"Whose text is in the vault"`
	Forgotten    int                   `json:"forgotten" doc:"Messages that the case wanted and the stream no longer held"`
	FirstAt      time.Time             `json:"first_at"`
	LastAt       time.Time             `json:"last_at"`
}

// SpanModel is where in a text an indicator was seen, in bytes of UTF-8.
type SpanModel struct {
	From      int    `json:"from"`
	To        int    `json:"to"`
	Indicator string `json:"indicator"`
}

// MessageModel is a message as it was sealed.
type MessageModel struct {
	ID         string      `json:"id"`
	At         time.Time   `json:"at"`
	From       string      `json:"from" enum:"actor,target,other"`
	Text       string      `json:"text"`
	Media      bool        `json:"media"`
	Spans      []SpanModel `json:"spans"`
	Truncated  bool        `json:"truncated" doc:"Longer than is read for signs"`
	Indicators []string    `json:"indicators"`
}

// RingMemberModel is one account of a ring. Children are in none.
type RingMemberModel struct {
	AccountID string     `json:"account_id"`
	This      bool       `json:"this" doc:"The account of this case"`
	Seed      bool       `json:"seed" doc:"A person has confirmed harm by it"`
	Score     float64    `json:"score" doc:"0 to 1, nearness to the confirmed ones"`
	X         float64    `json:"x"`
	Y         float64    `json:"y"`
	Why       []WhyModel `json:"why"`
	CaseID    string     `json:"case_id,omitempty"`
}

// WhyModel says by what a member belongs.
type WhyModel struct {
	Kind   string `json:"kind" enum:"victim,media,device,payment,invite,member"`
	Shared int    `json:"shared"`
	With   int    `json:"with"`
}

// RingLink joins two members, by their places.
type RingLink struct {
	A      int     `json:"a"`
	B      int     `json:"b"`
	Weight float64 `json:"weight"`
}

// RingModel is a group of accounts that hang together.
type RingModel struct {
	Members  []RingMemberModel `json:"members"`
	Links    []RingLink        `json:"links"`
	Children int               `json:"children" doc:"How many children join them; they are not named"`
	Partial  bool              `json:"partial"`
}

type (
	conversationsOutput struct {
		Body struct {
			Conversations []ConversationModel `json:"conversations"`
		}
	}
	messagesInput struct {
		CaseID
		Conversation string `path:"conversation" maxLength:"64"`
		Body         struct {
			Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why you need to read it; kept in the ledger"`
		}
	}
	messagesOutput struct {
		Body struct {
			Messages []MessageModel `json:"messages"`
		}
	}
	networkOutput struct {
		Body struct {
			Rings    []RingModel `json:"rings"`
			BuiltAt  time.Time   `json:"built_at"`
			Accounts int         `json:"accounts"`
			Ties     int         `json:"ties"`
			Note     string      `json:"note"`
		}
	}
)

func (a *API) conversationRoutes() {
	const tag = "Conversations"
	handle(a, op{method: "GET", path: "/v1/cases/{id}/conversations", id: "get-conversations", tag: tag, scope: access.CasesRead,
		summary: "The conversations of a case, without their text"}, a.getConversations)
	handle(a, op{method: "POST", path: "/v1/cases/{id}/conversations/{conversation}/messages", id: "read-messages", tag: tag, scope: access.EvidenceView,
		summary: "Record a view, then read the messages round the alert"}, a.readMessages)
	handle(a, op{method: "GET", path: "/v1/cases/{id}/network", id: "get-network", tag: tag, scope: access.CasesRead,
		summary: "Rings that the account of a case is in"}, a.getNetwork)
}

func (a *API) getConversations(ctx context.Context, in *CaseID) (*conversationsOutput, error) {
	if _, err := a.Store.Read().CaseByID(ctx, in.ID); err != nil {
		return nil, store.NotFound(err, "case")
	}
	views, err := a.Conversations.OfCase(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &conversationsOutput{}
	out.Body.Conversations = make([]ConversationModel, len(views))
	for i, v := range views {
		out.Body.Conversations[i] = conversationModel(v)
	}
	return out, nil
}

func conversationModel(v conversation.View) ConversationModel {
	m := ConversationModel{ID: v.ID, ItemID: v.ItemID, ConversationID: v.ConversationID, Actor: SideModel(v.Actor), Target: SideModel(v.Target), Surface: v.Surface,
		Jurisdiction: v.Jurisdiction, Mode: v.Mode, Cause: v.Cause, AlertAt: v.AlertAt, Detectors: v.Detectors, Fast: v.Fast, Summary: v.Summary, Score: v.Score,
		Tier: v.Explanation.Tier, Tip: v.Tip, Friction: v.Friction, Review: v.Review,
		Parts:   each(v.Parts, func(p conversation.Part) PartModel { return PartModel(p) }),
		Against: each(v.Against, func(p conversation.Part) PartModel { return PartModel(p) }),
		Conduct: each(v.Conduct, func(c conversation.Contribution) ConductPart { return ConductPart(c) }),
		Missing: v.Missing, Coverage: v.Coverage, Language: v.Language, Messages: v.Messages, Unread: v.Unread, MarksDropped: v.Dropped, KeptMessages: v.Kept, Forgotten: v.Forgotten,
		Marks: []MarkModel{}, Asked: asked(v.Marks), Steps: []ProtectiveStepModel{}, FirstAt: v.First, LastAt: v.Last}
	m.Versions.Words, m.Versions.Weights = v.Words, v.Weights
	for _, k := range v.Marks {
		m.Marks = append(m.Marks, markModel(k))
	}
	for _, s := range v.Steps {
		m.Steps = append(m.Steps, ProtectiveStepModel{s.At, momentOrNil(s.Until), s.Kind, s.To})
	}
	return m
}

func sideOf(target bool) string {
	if target {
		return "target"
	}
	return "actor"
}

func markModel(k conversation.MarkView) MarkModel {
	m := MarkModel{EventID: k.EventID, At: k.At, From: sideOf(k.Target), Indicators: []NameValue{}, Score: k.Score, Tier: k.Tier,
		Fast: append([]string{}, k.Fast...), Refuses: k.Refuses, Media: k.Media, Kept: k.Kept}
	for _, f := range k.Found {
		m.Indicators = append(m.Indicators, NameValue(f))
	}
	return m
}

// asked counts who showed what, in the order in which it began.
func asked(marks []conversation.MarkView) []ShownModel {
	out := []ShownModel{}
	at := map[[2]string]int{}
	for _, k := range marks {
		for _, f := range k.Found {
			key := [2]string{sideOf(k.Target), f.Name}
			i, ok := at[key]
			if !ok {
				i, at[key] = len(out), len(out)
				out = append(out, ShownModel{From: key[0], Indicator: f.Name, First: k.At})
			}
			out[i].Count++
			out[i].Last = k.At
		}
	}
	return out
}

func (a *API) readMessages(ctx context.Context, in *messagesInput) (*messagesOutput, error) {
	lines, err := a.Conversations.Messages(ctx, caller(ctx).Actor, in.ID, in.Conversation, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	out := &messagesOutput{}
	out.Body.Messages = make([]MessageModel, len(lines))
	for i, l := range lines {
		m := MessageModel{ID: l.EventID, At: l.At, From: l.From, Text: l.Text, Media: l.Media, Spans: []SpanModel{}, Truncated: l.Partly, Indicators: []string{}}
		for _, h := range l.Hits {
			m.Spans = append(m.Spans, SpanModel{h.From, h.To, h.Indicator.String()})
			if name := h.Indicator.String(); !slices.Contains(m.Indicators, name) {
				m.Indicators = append(m.Indicators, name)
			}
		}
		out.Body.Messages[i] = m
	}
	return out, nil
}

func (a *API) getNetwork(ctx context.Context, in *CaseID) (*networkOutput, error) {
	c, err := a.Store.Read().CaseByID(ctx, in.ID)
	if err != nil {
		return nil, store.NotFound(err, "case")
	}
	n, rings, err := a.Conversations.RingsOf(ctx, c.AccountID)
	if err != nil {
		return nil, err
	}
	out := &networkOutput{}
	out.Body.BuiltAt, out.Body.Accounts, out.Body.Ties = n.BuiltAt, n.Accounts, n.Ties
	out.Body.Note = "Accounts that hang together by shared things, round accounts of confirmed harm. A question, not an answer: nothing follows from it."
	out.Body.Rings = make([]RingModel, len(rings))
	for i, r := range rings {
		m := RingModel{Children: r.Children, Partial: r.Partial, Members: []RingMemberModel{}, Links: each(r.Links, func(l conduct.Link) RingLink { return RingLink(l) })}
		for _, x := range r.Members {
			one := RingMemberModel{AccountID: x.AccountID, This: x.AccountID == c.AccountID, Seed: x.Seed, Score: x.Score, X: x.X, Y: x.Y, CaseID: x.CaseID, Why: []WhyModel{}}
			for _, w := range x.Why {
				one.Why = append(one.Why, WhyModel{w.Kind.String(), w.Shared, w.With})
			}
			m.Members = append(m.Members, one)
		}
		out.Body.Rings[i] = m
	}
	return out, nil
}
