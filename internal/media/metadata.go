package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/bep/imagemeta"
)

// Tag is one line of what a picture says of itself (EXIF): when and where it was
// taken, with which device. Names are those that ExifTool gives, such as
// "DateTimeOriginal".
type Tag struct{ Name, Value string }

// Limits on tags: what is beyond is left out and said to be.
const (
	maxTags     = 200
	maxTagValue = 500 // characters
)

// ErrNoMetadata says that metadata of this format cannot be read: whether there
// is any is not known.
var ErrNoMetadata = errors.New("the metadata of files of this format is not read")

var metadataFormats = map[string]imagemeta.ImageFormat{"jpeg": imagemeta.JPEG, "png": imagemeta.PNG, "webp": imagemeta.WebP, "tiff": imagemeta.TIFF}

// told is a child's answer about metadata.
type told struct {
	Tags  []Tag
	Error string
}

// Metadata reads a picture's EXIF in a confined child of its own. A picture
// without any gives none and no error.
func (p *Pool) Metadata(ctx context.Context, data []byte) ([]Tag, error) {
	if _, ok := metadataFormats[sniff(data)]; !ok {
		return nil, ErrNoMetadata
	}
	if int64(len(data)) > p.config.Limits.MaxBytes {
		return nil, fmt.Errorf("media: the file is over %d bytes", p.config.Limits.MaxBytes)
	}
	if err := p.take(ctx, p.turns); err != nil {
		return nil, err
	}
	defer func() { p.turns <- struct{}{} }()
	ctx, cancel := context.WithTimeout(ctx, p.config.Limits.Timeout+startTime)
	defer cancel()
	w, err := startWorker(ctx, &p.config, opening{Metadata: true})
	if err != nil {
		return nil, err
	}
	defer w.stop()
	defer context.AfterFunc(ctx, w.kill)()
	var t told
	if err = writeMessage(w.in, data); err == nil {
		err = readJSON(w.out, &t)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("media: reading metadata: %w", err)
	case t.Error != "":
		return nil, errors.New("the metadata is malformed")
	}
	return t.clean(), nil
}

// clean holds what comes from a child to printable text of limited length.
func (t *told) clean() []Tag {
	var out []Tag
	for _, tag := range t.Tags[:min(len(t.Tags), maxTags)] {
		name, value := printable(tag.Name, 64), printable(tag.Value, maxTagValue)
		if name != "" && value != "" {
			out = append(out, Tag{name, value})
		}
	}
	if len(t.Tags) > maxTags {
		out = append(out, Tag{"More", "there are more tags than are listed here"})
	}
	return out
}

func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strings.TrimSpace(s)
}

// tellMetadata is the life of a child that reads metadata: one file.
func tellMetadata(in io.Reader, out io.Writer, lim Limits) error {
	data, err := readMessage(in, lim.MaxBytes)
	if err != nil {
		return err
	}
	return writeJSON(out, readMetadata(data, lim.Timeout))
}

func readMetadata(data []byte, limit time.Duration) told {
	var t told
	err := imagemeta.Decode(imagemeta.Options{R: bytes.NewReader(data), ImageFormat: metadataFormats[sniff(data)], Sources: imagemeta.EXIF,
		LimitNumTags: 2000, LimitTagSize: 4000, Timeout: limit,
		HandleTag: func(ti imagemeta.TagInfo) error {
			if len(t.Tags) > maxTags {
				return imagemeta.ErrStopWalking
			}
			switch ti.Value.(type) {
			case []byte:
				return nil // makers' own binary notes
			}
			t.Tags = append(t.Tags, Tag{ti.Tag, fmt.Sprint(ti.Value)})
			return nil
		}})
	if err != nil && len(t.Tags) == 0 {
		t.Error = "malformed"
	}
	return t
}
