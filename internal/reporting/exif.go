package reporting

import (
	"context"
	"fmt"

	"github.com/rowan-safety/rowan/cybertip"
	"github.com/rowan-safety/rowan/internal/vault"
)

// Metadata reads what a picture says of itself (EXIF), away from the server's
// own process. A file without any gives none.
type Metadata func(ctx context.Context, file []byte) ([]NamedValue, error)

// UseMetadata tells the desk how to read metadata; without it, reports carry none.
func (d *Desk) UseMetadata(m Metadata) { d.metadata.Store(&m) }

// exif reads a file's metadata from the vault. That a file cannot be read for its
// metadata is no reason not to report it: only a vault that does not open is.
func (d *Desk) exif(ctx context.Context, f file) ([]NamedValue, error) {
	read := d.metadata.Load()
	if read == nil || f.evidence.Role != string(vault.Original) {
		return nil, nil
	}
	data, _, err := d.vault.Open(ctx, f.row.EvidenceID)
	if err != nil {
		return nil, err
	}
	out, err := (*read)(ctx, data)
	if err != nil {
		return []NamedValue{{"metadata", fmt.Sprintf("could not be read: %v", err)}}, nil
	}
	return out, nil
}

// exif is the same in NCMEC's words: a name has at most 64 characters.
func (f *filing) exif(ctx context.Context, file file) ([]cybertip.NameValue, error) {
	list, err := f.d.exif(ctx, file)
	if err != nil {
		return nil, err
	}
	c := &clipped{}
	var out []cybertip.NameValue
	for _, v := range list {
		out = append(out, cybertip.NameValue{Name: c.to("name", v.Name, 64), Value: v.Value})
	}
	return out, nil
}
