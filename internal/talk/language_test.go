package talk_test

import (
	"testing"

	"github.com/rowan-safety/rowan/internal/talk"
)

func TestIdentify(t *testing.T) {
	for _, c := range []struct {
		in   string
		want talk.Language
	}{
		{"what do you think of the new map, it is huge", talk.English},
		{"que piensas del mapa nuevo, es muy grande para mi", talk.Spanish},
		{"was denkst du, ich finde die neue Karte ist nicht schlecht", talk.German},
		{"wh\u200bat d0 yоu think of the map", talk.English},
		{"ok", talk.Unknown},
		{"", talk.Unknown},
		{"что ты думаешь о новой карте", talk.Unknown},
		{"co myślisz o nowej mapie", talk.Unknown},
		{"1234 5678", talk.Unknown},
		{"the und que", talk.Unknown},
	} {
		if got := talk.Identify(talk.Normalise(c.in)); got != c.want {
			t.Errorf("Identify(%q) = %v, want %v", c.in, got, c.want)
		}
	}
	if got := talk.Identify(talk.Normalise("how"), talk.Normalise("are you")); got != talk.English {
		t.Errorf("several short messages: %v", got)
	}
}
