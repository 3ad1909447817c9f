package classify

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"strings"
)

// joined is one text of all lines, for scorers that take no conversation.
func joined(lines []Line) string {
	var texts []string
	for _, l := range lines {
		texts = append(texts, l.Text)
	}
	return strings.Join(texts, "\n")
}

func hiveRequest(_ *Config, _ *Window, lines []Line) (string, []byte) {
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	_ = form.WriteField("text_data", joined(lines)) // to memory: cannot fail
	_ = form.Close()
	return form.FormDataContentType(), b.Bytes()
}

// hiveAnswer reads the result of a synchronous task. It echoes the text, which is
// dropped here with everything else that is not a class and its score.
func hiveAnswer(c *Config, _ []Line, body []byte) (o Opinion, why Reason) {
	var a struct {
		Status []struct {
			Status struct {
				Code string `json:"code"`
			} `json:"status"`
			Response struct {
				Output []struct {
					Classes []struct {
						Label *string  `json:"class"`
						Score *float64 `json:"score"`
					} `json:"classes"`
				} `json:"output"`
			} `json:"response"`
		} `json:"status"`
	}
	if !loosely(body, &a) || len(a.Status) != 1 || a.Status[0].Status.Code != "0" || len(a.Status[0].Response.Output) != 1 {
		return o, Malformed
	}
	var list []labelled
	for _, l := range a.Status[0].Response.Output[0].Classes {
		list = append(list, labelled{l.Label, l.Score})
	}
	return fromLabels(c, list)
}

type labelled struct {
	Label *string  `json:"label"`
	Score *float64 `json:"score"`
}

func labelsRequest(_ *Config, _ *Window, lines []Line) (string, []byte) {
	return "application/json", encode(fields{"inputs": joined(lines), "truncate": false, "raw_scores": false})
}

// labelsAnswer reads a list of labels, or such a list in a list, as servers give that
// take several texts at once.
func labelsAnswer(c *Config, _ []Line, body []byte) (o Opinion, why Reason) {
	var list []labelled
	if exactly(body, &list) {
		return fromLabels(c, list)
	}
	var lists [][]labelled
	if !exactly(body, &lists) || len(lists) != 1 {
		return o, Malformed
	}
	return fromLabels(c, lists[0])
}

// fromLabels checks a list of labels: each that is known, once, with a probability.
// One that counts and is missing may have been renamed by whoever runs the scorer,
// and silence would look like "nothing there".
func fromLabels(c *Config, list []labelled) (o Opinion, why Reason) {
	by := map[string]float64{}
	o = Opinion{Version: c.Model, Indicators: map[string]float64{}}
	for _, l := range list {
		if l.Label == nil || l.Score == nil {
			return Opinion{}, Malformed
		}
		use, known := c.Uses[*l.Label]
		if _, twice := by[*l.Label]; !known || twice {
			return Opinion{}, Unknown
		}
		if !(*l.Score >= 0 && *l.Score <= 1) {
			return Opinion{}, OutOfRange
		}
		by[*l.Label] = *l.Score
		name := *l.Label
		if use.As != "" {
			name = use.As
		}
		o.Indicators[name] = max(o.Indicators[name], *l.Score)
	}
	for label, use := range c.Uses {
		if _, there := by[label]; !there && use.Weight > 0 {
			return Opinion{}, Incomplete
		}
	}
	o.P = strongest(c, by)
	return o, ""
}

func plainRequest(_ *Config, w *Window, lines []Line) (string, []byte) {
	out := sent(w, lines)
	out.Format = "rowan-window-1"
	return "application/json", encode(out)
}

// plainAnswer reads Rowan's own format by the letter:
//
//	{"format":"rowan-opinion-1","version":"2","p":0.4,"indicators":{"asks_age":0.9},"insufficient":false}
func plainAnswer(c *Config, lines []Line, body []byte) (o Opinion, why Reason) {
	var a struct {
		Format       string                     `json:"format"`
		Version      *string                    `json:"version"`
		P            *float64                   `json:"p"`
		Indicators   map[string]json.RawMessage `json:"indicators"`
		Insufficient *bool                      `json:"insufficient"`
	}
	if !exactly(body, &a) || a.Format != "rowan-opinion-1" || a.Version == nil || !modelName.MatchString(*a.Version) ||
		a.P == nil || a.Indicators == nil || a.Insufficient == nil {
		return o, Malformed
	}
	if quotes(body, lines) {
		return o, Quotes
	}
	if !(*a.P >= 0 && *a.P <= 1) {
		return o, OutOfRange
	}
	o = Opinion{Version: *a.Version, Indicators: map[string]float64{}, Insufficient: *a.Insufficient}
	for name, raw := range a.Indicators {
		var v *float64
		if json.Unmarshal(raw, &v) != nil || v == nil {
			return Opinion{}, Malformed
		}
		if !isSign(name) {
			return Opinion{}, Unknown
		}
		if !(*v >= 0 && *v <= 1) {
			return Opinion{}, OutOfRange
		}
		o.Indicators[name] = *v
	}
	if !o.Insufficient {
		o.P = *a.P
	}
	return o, ""
}
