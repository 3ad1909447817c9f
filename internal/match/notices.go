package match

import (
	"context"
	"fmt"

	"github.com/rowan-safety/rowan/internal/ledger"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/pdq"
)

// NoticeList is the list of what was taken down after a notice of its subject. It
// is made when the first notice is accepted.
const NoticeList = "takedown-notices"

// Keep puts the hashes of what was taken down onto [NoticeList]. What is there
// already stays. A hash that no list may hold, such as that of a blank picture, is
// left out, and how many were put there or were there is returned.
func (ls *Lists) Keep(ctx context.Context, tx *store.Tx, actor, noticeID string, hashes []safety.Hash) (kept []safety.Hash, err error) {
	for _, h := range hashes {
		if _, err := signal(h.Type, h.Value); err == nil {
			kept = append(kept, h)
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	l, err := ls.noticeList(ctx, tx, actor)
	if err != nil {
		return nil, err
	}
	version, err := ls.publish(ctx, tx, l.ID)
	if err != nil {
		return nil, err
	}
	now := ls.now()
	for _, h := range kept {
		id := safety.NewID("sig", now)
		_, err := tx.AddSignal(ctx, db.AddSignalParams{ID: id, ListID: l.ID, HashType: string(h.Type), HashValue: h.Value, Note: noticeID,
			Source: actor, AddedVersion: version, CreatedAt: store.Micros(now), ContentNumber: contentNumber(id)})
		if err != nil {
			return nil, fmt.Errorf("adding signal: %w", err)
		}
	}
	return kept, ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "list.notice.add", Subject: l.Name,
		Detail: fmt.Sprintf("%s, %d signals, version %d", noticeID, len(kept), version)})
}

// Drop takes hashes off [NoticeList] again, because a decision was reversed.
func (ls *Lists) Drop(ctx context.Context, tx *store.Tx, actor, noticeID string, hashes []safety.Hash) error {
	l, err := tx.ListByName(ctx, NoticeList)
	if store.IsNotFound(err) || len(hashes) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the list of notices: %w", err)
	}
	version, err := ls.publish(ctx, tx, l.ID)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, h := range hashes {
		s, err := tx.LiveSignal(ctx, l.ID, string(h.Type), h.Value)
		if store.IsNotFound(err) {
			continue // somebody took it off by hand
		}
		if err != nil {
			return fmt.Errorf("looking for signal: %w", err)
		}
		gone, err := tx.RemoveSignal(ctx, s.ID, l.ID, version)
		if err != nil {
			return fmt.Errorf("removing signal: %w", err)
		}
		n += gone
	}
	return ledger.Append(ctx, tx, ledger.Entry{At: ls.now(), Actor: actor, Action: "list.notice.remove", Subject: l.Name,
		Detail: fmt.Sprintf("%s, %d signals, version %d", noticeID, n, version)})
}

// publish opens the next version of a list, without what an import that died has
// staged.
func (ls *Lists) publish(ctx context.Context, tx *store.Tx, listID string) (int64, error) {
	version, err := ls.bump(ctx, tx, listID, 0)
	if err != nil {
		return 0, err
	}
	if _, err := tx.DropStagedSignals(ctx, listID, version-1); err != nil {
		return 0, fmt.Errorf("dropping staged signals: %w", err)
	}
	return version, nil
}

func (ls *Lists) noticeList(ctx context.Context, tx *store.Tx, actor string) (db.List, error) {
	l, err := tx.ListByName(ctx, NoticeList)
	if err == nil && l.Kind != string(safety.ListIntimateImage) {
		return l, safety.Errorf(safety.Conflict, "the list %s is of another kind than intimate_image; rename it", NoticeList)
	}
	if err == nil || !store.IsNotFound(err) {
		return l, err
	}
	now := ls.now()
	err = tx.CreateList(ctx, db.CreateListParams{ID: safety.NewID("lst", now), Name: NoticeList, Kind: string(safety.ListIntimateImage),
		Source: "notices of subjects, decided here", Threshold: pdq.MatchThreshold, Enabled: true, CreatedAt: store.Micros(now)})
	if err != nil {
		return l, fmt.Errorf("creating list: %w", err)
	}
	if err := ledger.Append(ctx, tx, ledger.Entry{At: now, Actor: actor, Action: "list.create", Subject: NoticeList,
		Detail: fmt.Sprintf("kind %s, threshold %d", safety.ListIntimateImage, pdq.MatchThreshold)}); err != nil {
		return l, err
	}
	return tx.ListByName(ctx, NoticeList)
}
