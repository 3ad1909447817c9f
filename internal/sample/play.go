package sample

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/rowan-safety/rowan/client"
	"github.com/rowan-safety/rowan/pdq"
)

// List is the name of the sample list: "known" landscapes.
const List = "sample-known"

// known is how many sample landscapes are on the list.
const known = 5

// Play loads the sample list and accounts and plays some uploads, as a platform
// with the client's key would send them. Playing twice changes nothing: the
// same content is the same item.
func Play(ctx context.Context, c *client.Client, now time.Time) error {
	if err := loadList(ctx, c); err != nil {
		return err
	}
	for _, a := range accounts(now) {
		if err := c.PutAccount(ctx, a.id, a.profile); err != nil {
			return fmt.Errorf("account: %w", err)
		}
	}
	for _, u := range uploads(now) {
		if _, err := c.CheckFile(ctx, u.meta, u.file); err != nil {
			return fmt.Errorf("upload %s: %w", u.meta.ContentID, err)
		}
	}
	return playTalks(ctx, c, now)
}

func loadList(ctx context.Context, c *client.Client) error {
	err := c.CreateList(ctx, List, "illegal", "sample data: landscapes drawn by code")
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusConflict {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("list: %w", err)
	}
	var csv strings.Builder
	csv.WriteString("sha256,pdq,note\n")
	for i := range known {
		img := Landscape(uint64(i+1), 1024, 683)
		r, err := pdq.FromImage(img)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(PNG(img))
		fmt.Fprintf(&csv, "%s,%s,landscape %d\n", hex.EncodeToString(sum[:]), r.Hash, i+1)
	}
	_, err = c.ImportList(ctx, List, "csv", []byte(csv.String()))
	return err
}

type account struct {
	id      string
	profile map[string]any
}

func accounts(now time.Time) []account {
	at := func(hours int) string { return now.Add(-time.Duration(hours) * time.Hour).UTC().Format(time.RFC3339) }
	return []account{
		{"u_1001", map[string]any{"screen_name": "harbour_gull", "display_names": []string{"Harbour Gull"}, "names": []string{"Sam Example"},
			"profile_url": "https://photos.example.test/u/1001", "emails": []any{map[string]any{"address": "sam@example.test", "verified": true}},
			"ip_events": []any{map[string]any{"ip": "203.0.113.7", "port": 51515, "event": "login", "at": at(5)},
				map[string]any{"ip": "203.0.113.7", "port": 51620, "event": "upload", "at": at(2)}},
			"devices": []any{map[string]any{"type": "Vendor device id", "value": "example-device-1"}}}},
		{"u_1002", map[string]any{"screen_name": "north_light", "display_names": []string{"North Light"},
			"profile_url": "https://photos.example.test/u/1002", "emails": []any{map[string]any{"address": "north@example.test"}},
			"ip_events": []any{map[string]any{"ip": "2001:db8::17", "event": "registration", "at": at(900)}}}},
		{"u_1003", map[string]any{"screen_name": "maplewood", "emails": []any{map[string]any{"address": "maple@example.test", "verified": true}}}},
		{"u_1004", map[string]any{"screen_name": "test_bird"}},
		{"u_1005", map[string]any{"screen_name": "second_gull"}},
	}
}

type upload struct {
	meta client.Meta
	file []byte
}

func uploads(now time.Time) []upload {
	at := func(minutes int) time.Time {
		return now.Add(-time.Duration(minutes) * time.Minute).Truncate(time.Second).UTC()
	}
	draw := func(i uint64) []byte { return PNG(Landscape(i, 1024, 683)) }
	meta := func(content, account, name string, minutes int) client.Meta {
		return client.Meta{ContentID: content, AccountID: account, Surface: "public", Jurisdiction: "GB", CreatedAt: at(minutes),
			IP: "203.0.113.7", Port: 51620, Filename: name, URL: "https://photos.example.test/p/" + content}
	}
	private := meta("p_2003", "u_1002", "mirrored.jpg", 61)
	private.Surface, private.IP, private.Port = "private", "2001:db8::17", 0
	return []upload{
		{meta("p_2001", "u_1001", "morning.png", 118), draw(1)},
		{meta("p_2002", "u_1001", "morning-small.jpg", 117), JPEG(Landscape(2, 1024, 683), 60)},
		{private, JPEG(Mirror(Landscape(3, 1024, 683)), 85)},
		{meta("p_2004", "u_1003", "lake.png", 33), draw(4)},
		{meta("p_2005", "u_1003", "unknown.png", 30), draw(100)},
		{meta("p_2006", "u_1004", "canary.png", 12), PNG(Canary())},
		{meta("p_2007", "u_1004", "cut-off.png", 9), draw(101)[:2000]},
		{meta("p_2008", "u_1004", "holiday.png", 8), draw(102)},
		{meta("p_2009", "u_1005", "sunrise.jpg", 5), JPEG(Landscape(1, 1024, 683), 80)}, // p_2001 again, of another account
	}
}
