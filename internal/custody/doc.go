// Package custody makes evidence bundles: one case as a ZIP file that proves
// itself, for an officer, a court or an expert who has nothing of Rowan's
// (docs/evidence-bundle.md has every member; package proof checks it).
//
// The order of making is what makes it hold. First every file is opened and
// hashed. Then one transaction reads the case, describes it, lists all of that in
// manifest.json, and writes the ledger's entry of this export with the
// manifest's digest in it; no entry, no bundle. Then the ledger seals, and the
// entries of the case, the export's among them, are proved to one signed
// checkpoint; a timestamp authority signs the manifest's digest if there is one.
//
// Promises: an export is on record before its first byte leaves; a file that is
// not what was sealed stops it; the same case, time and keys give the same bytes,
// the timestamp aside; a timestamp authority that fails is said in the bundle and
// stops nothing. Files without a passphrase are written to a disk in the clear
// only when somebody asks for exactly that.
package custody
