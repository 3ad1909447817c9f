// Package exchange brings lists from where they are kept (NCMEC, StopNCII,
// ThreatExchange, Tech Against Terrorism, Arachnid Shield, files and pages of operators) into
// Rowan's lists, and carries reviewers' votes back.
//
// A [Source] reads changes after a checkpoint. A [Desk] applies each page of them
// together with the checkpoint after it in one transaction, so that a process
// that dies at any instruction goes on where it was, and a page that is applied
// twice changes nothing the second time.
//
// What a source says is not believed without limit:
//
//   - An entry never goes back to an older state than the one that is known.
//   - A tombstone stays, so that an old copy does not bring an entry back.
//   - A page that was announced and is empty, a page that comes twice, a page
//     from before the checkpoint, a page with fewer entries than it says: none
//     of them moves the checkpoint. An empty answer never does.
//   - Entries that a complete list no longer has are removed only after all of
//     it was read, and when more than a share of the entries would go at once,
//     they stay until a person has allowed it.
//   - A malformed fingerprint costs itself and nothing else.
//
// A signal leaves a list when the last entry that carries it does. One exchange
// feeds one list, and nothing else feeds that list.
//
// Lists are secrets: no error, log line, ledger row or status of this package
// holds a fingerprint, an entry's key, or an address that was asked.
package exchange
