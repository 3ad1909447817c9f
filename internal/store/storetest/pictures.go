package storetest

import "github.com/rowan-safety/rowan/internal/store/db"

// pictures finds what copies have in common.
func pictures(s *suite) {
	band := func(i, value int64) int64 { return i<<16 | value }
	s.ok(s.q.AddPicture(s.ctx, "p2", "b", 7), s.q.AddPicture(s.ctx, "p1", "a", 5), s.q.AddPicture(s.ctx, "p3", "", 6),
		s.q.AddPictureBand(s.ctx, band(0, 1), "p1"), s.q.AddPictureBand(s.ctx, band(15, 65535), "p1"),
		s.q.AddPictureBand(s.ctx, band(15, 65535), "p2"), s.q.AddPictureBand(s.ctx, band(15, 65535), "p2"))
	s.refused("a band of no picture", s.q.AddPictureBand(s.ctx, 1, "none"))
	like := func(p db.LikelyPicturesParams) ([]db.LikelyPicturesRow, error) { return s.q.LikelyPictures(s.ctx, p) }
	one, two := db.LikelyPicturesRow{ID: "p1", Pdq: "a"}, db.LikelyPicturesRow{ID: "p2", Pdq: "b"}
	same(s, "first and last band", []db.LikelyPicturesRow{one, two})(like(db.LikelyPicturesParams{Band0: band(0, 1), Band15: band(15, 65535)}))
	same(s, "first band", []db.LikelyPicturesRow{one})(like(db.LikelyPicturesParams{Band0: band(0, 1), Band15: band(15, 65534)}))
	same(s, "a value in another band", []db.LikelyPicturesRow(nil))(like(db.LikelyPicturesParams{Band0: band(0, 65535), Band1: band(1, 1)}))

	for _, c := range []string{"c1", "c2", "c3", "c4", "c5"} {
		s.newCase(c)
	}
	item := func(id, caseID, sha, picture string) {
		s.ok(s.q.AddItem(s.ctx, db.AddItemParams{ID: id, CaseID: caseID, ContentID: id, Sha256: sha, DedupeKey: id}))
		if picture != "" {
			s.ok(s.q.SetPicture(s.ctx, id, picture))
		}
	}
	item("i1", "c1", "x", "p1")
	item("i2", "c1", "y", "p2")
	item("i3", "c2", "x", "p1")
	item("i4", "c3", "z", "p1")
	item("i5", "c3", "", "")
	item("i6", "c4", "", "")
	item("i7", "c5", "w", "p1")
	item("i8", "c5", "w", "p1")
	same(s, "of a file", "p1")(s.q.PictureOfFile(s.ctx, "x"))
	none[string](s, "of no file")(s.q.PictureOfFile(s.ctx, "none"))

	caseIDs := func(rows []db.Case, err error) ([]string, error) {
		var out []string
		for _, r := range rows {
			out = append(out, r.ID)
		}
		return out, err
	}
	same(s, "copies", []string{"c5"})(caseIDs(s.q.CasesOfPictures(s.ctx, "c2", false)))
	same(s, "one of two pictures, and two of one", []string(nil))(caseIDs(s.q.CasesOfPictures(s.ctx, "c1", false)))
	same(s, "tests by themselves", []string(nil))(caseIDs(s.q.CasesOfPictures(s.ctx, "c2", true)))
	same(s, "no picture", []string(nil))(caseIDs(s.q.CasesOfPictures(s.ctx, "c4", false)))

	decide := func(id, caseID, on string, at int64) {
		s.ok(s.q.AddDecision(s.ctx, db.AddDecisionParams{ID: id, CaseID: caseID, At: at, Outcome: "confirmed", Viewed: "[]", RestsOn: on}))
	}
	decide("d1", "c1", "", 5)
	decide("d2", "c2", "d1", 6)
	decide("d3", "c3", "", 7)
	decisionIDs := func(rows []db.Decision, err error) ([]string, error) {
		var out []string
		for _, r := range rows {
			out = append(out, r.ID)
		}
		return out, err
	}
	decide("d4", "c5", "", 8)
	decide("d5", "c5", "", 9)
	same(s, "latest first; not what rests on others, or is about other pictures too", []string{"d5", "d4"})(decisionIDs(s.q.DecisionsOfPictures(s.ctx, "c2", false)))
	same(s, "one of two pictures", []string(nil))(decisionIDs(s.q.DecisionsOfPictures(s.ctx, "c1", false)))
	same(s, "an item that is no picture", []string(nil))(decisionIDs(s.q.DecisionsOfPictures(s.ctx, "c3", false)))
	_, err := s.q.UndoDecision(s.ctx, "d5", 9)
	s.ok(err)
	same(s, "undone", []string{"d4"})(decisionIDs(s.q.DecisionsOfPictures(s.ctx, "c2", false)))
	same(s, "tests by themselves", []string(nil))(decisionIDs(s.q.DecisionsOfPictures(s.ctx, "c2", true)))
	_, err = s.q.UndoDecision(s.ctx, "d3", 9)
	s.ok(err)
	_, err = s.q.UndoDecision(s.ctx, "d4", 9)
	s.ok(err)
	row := func(item, caseID, what string, at int64) db.DecidedBeforeRow {
		return db.DecidedBeforeRow{ItemID: item, CaseID: caseID, At: at, Outcome: "confirmed", Same: what}
	}
	same(s, "decided before", []db.DecidedBeforeRow{row("i3", "c2", "picture", 6), row("i1", "c1", "picture", 5)})(s.q.DecidedBefore(s.ctx, "c3", "z", "i4"))
}
