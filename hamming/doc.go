// Package hamming finds every key within a given Hamming distance of a query
// among many 256-bit keys, such as PDQ hashes. Keys come and go at any time;
// searches run beside them.
//
// # Promises
//
//   - Exact: a search returns every key within the radius that was in the index
//     from its start to its end. There is no probability in it; the tests
//     compare with brute force at every distance.
//   - Searches take no lock: neither a change nor the merging of parts holds
//     them up. What [Index.Insert] has returned from, later searches find.
//   - A result that was cut by the caller's limit says so, and holds the
//     nearest keys.
//
// # Method
//
// Multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming
// Space with Multi-Index Hashing", CVPR 2012): a key is 16 slots of 16 bits,
// and every slot has a table from its value to the keys that hold it. Spread a
// radius r over the slots as allowances tᵢ ≥ -1 with Σ(tᵢ+1) = r+1; then a key
// within r differs from the query by at most tᵢ in some slot i, so it is found
// by looking up the few values within tᵢ of the query's (17 per slot for r = 31).
//
// Most of what the tables return is no match. The pigeonring principle (Qin and
// Xiao, PVLDB 12(1), 2018) drops it unread: around the ring of slots the
// excesses dᵢ-tᵢ-1 of a match sum to less than 0, so some starting slot has
// all its partial sums below 0. In particular dᵢ+dᵢ₊₁ ≤ tᵢ+tᵢ₊₁+1 there. Each
// posting carries the value of the next slot, so that the test costs no access
// to the key. Of ids with equal keys only one has postings.
//
// What remains is waiting for memory. A search asks for what it will read some
// slots ahead, and [Index.SearchBatch] does so across queries.
//
// The newest keys, small indexes and radii above 47 are scanned key by key.
//
// # Parts
//
// Up to 32 768 new keys lie in a delta that is scanned. A full delta becomes a
// segment: keys in order of their ids, with tables made once, contiguous and
// read-only. Segments are merged in the background into ones at least twice as
// large; a deleted key is a bit that hides it until then. When searches have
// spent as much on reading several segments as merging them costs, they are
// merged into one.
//
// The test of the next slot reads many postings at a time, with AVX-512
// (BITALG), AVX2 or plain Go, as the processor allows.
//
// # Files
//
// An index of [Open] is a file, which is the memory of one segment and is
// mapped, and a log of the changes since, in records with checksums. The
// formats are in file.go and log.go.
//
// # Cost
//
// 120 bytes for each key: 16 slots of 5 (2 for the value of the next slot, 3 for
// the position), 32 for the key and 8 for the id; 48 for each further id of the
// same key; 4 MiB for each segment, which is what small ones cost. Twice that
// while segments are merged, and while equal keys are collapsed. Nothing else is
// kept by id. A segment of more than 16 million keys has 4 MiB for each further
// 16 million.
//
// [Open] reads and checks all of a file: at the speed of memory if the system
// has it cached, else of the disk. Inserting many keys at once with
// [Index.InsertBatch] is quickest, with ascending ids above all.
// scripts/bench-match measures all of it.
package hamming
