package intake

import (
	"context"

	"github.com/rowan-safety/rowan/internal/match"
	"github.com/rowan-safety/rowan/internal/safety"
)

// formatLink stands where a file's format is: the item of a case is a link.
const formatLink = "link"

// ReasonLinkUnreadable is why a link is not scanned.
const ReasonLinkUnreadable = "link_unreadable" // it leads to no host

// CheckLinks answers for each link that the platform found in c, in order. c has
// neither a file nor hashes. An error means that there is no answer to any of
// them. A link is kept only where a case needs it.
func (d *Desk) CheckLinks(ctx context.Context, c Content, links []string) ([]Answer, error) {
	if err := d.room(); err != nil {
		_, err := d.count(Answer{}, err)
		return nil, err
	}
	out := make([]Answer, len(links))
	for i, text := range links {
		var err error
		if out[i], err = d.count(d.checkLink(ctx, c, text)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Desk) checkLink(ctx context.Context, c Content, text string) (Answer, error) {
	s := seen{scan: safety.ScanScanned}
	s.report.Format = formatLink
	if !d.Rules.Permits(match.KnownLinks, c.Surface, c.Jurisdiction) {
		s.scan, s.reason = safety.ScanUnsupported, "surface_not_permitted"
	} else if l, ok := match.ReadLink(text); ok {
		s.exact, c.URL = l.Hashes, l.Text
	} else {
		s.scan, s.reason = safety.ScanFailed, ReasonLinkUnreadable
	}
	out, a, err := d.judge(ctx, c, s)
	if err != nil || out.Verdict == safety.VerdictAllow && out.Case == nil {
		return a, err
	}
	return d.commit(ctx, c, s, a, out)
}
