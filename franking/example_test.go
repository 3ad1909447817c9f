package franking_test

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/rowan-safety/rowan/franking"
)

// A message goes from one account to another, is reported, and is proved.
func Example() {
	now := time.Date(2026, 11, 23, 12, 3, 11, 0, time.UTC)

	// The hub: a ring of weekly keys and a signing key.
	ring := franking.NewKeyRing(franking.DefaultWindow)
	ring.Prepare(rand.Reader, now) // and store ring.Encode(), sealed
	public, private, _ := ed25519.GenerateKey(rand.Reader)
	hub, _ := franking.NewHub("chat.example", ring, private)
	signed := []franking.VerifyKey{{Public: public, From: now.AddDate(0, -1, 0)}}

	// The sender: payload goes into the encryption, the commitment beside it.
	alice := franking.Sender{Account: "alice", Rand: rand.Reader}
	payload, commitment, _ := alice.Frank(franking.Content{
		Sender: "alice", Conversation: "c1", ID: [16]byte{1}, SentAt: now, Type: "text/plain", Body: []byte("hello")})

	// The hub sees the commitment and who sent it, not the message.
	stamp, _ := hub.Stamp(franking.Submission{Commitment: commitment, Sender: "alice", Conversation: "c1", Seq: 17}, now)

	// The receiver checks before showing.
	bob := franking.Receiver{Origin: "chat.example", Keys: signed}
	got, err := bob.Verify(payload, commitment, stamp, franking.Peer{Sender: "alice", Conversation: "c1"})
	fmt.Println(string(got.Content.Body), err)

	// Bob reports it to the moderators, who alone can open the report.
	key, _ := hpke.MLKEM768X25519().GenerateKey()
	team := franking.Team{Name: "moderation.chat.example", ID: [8]byte{1}, Key: key.PublicKey()}
	reporter := franking.Reporter{Account: "bob", To: team}
	report, _ := reporter.Compose([]franking.Evidence{got.Evidence}, 0, false, "")
	sealed, _ := reporter.Seal(report)

	moderator := franking.Moderator{Team: team.Name, Keys: []franking.ReportKey{{ID: team.ID, Key: key}}, Origin: "chat.example", Signed: signed, Ring: ring}
	opened, _ := moderator.Open(sealed, "bob")
	finding := moderator.Review(opened, now).Findings[0]
	fmt.Println(finding.Outcome, finding.Context.Sender, finding.Context.Seq, finding.Context.AcceptedAt.Format(time.TimeOnly))
	// Output:
	// hello <nil>
	// proved alice 17 12:03:11
}
