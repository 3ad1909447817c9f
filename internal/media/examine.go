package media

import (
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"slices"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/pdq/undo"
)

// codec reads one format: it announces the picture with begin, decodes the
// frames that begin permits, and hands each to frame.
type codec func(*examination) error

func codecFor(format string) codec {
	switch format {
	case "jpeg":
		return readJPEG
	case "png":
		return readPNG
	case "gif":
		return readGIF
	case "webp":
		return readWebP
	case "bmp":
		return readBMP
	case "tiff":
		return readTIFF
	case "heic":
		return readHEIC
	case "avif":
		return readAVIF
	case "jxl":
		return readJXL
	}
	return nil
}

// examination is the state of looking at one file. Nothing in it outlives it.
type examination struct {
	data    []byte
	lim     Limits
	expired func() bool // the time for one more frame is over
	engine  *engine     // of the file's format, if that needs one

	rep     Report
	preview preview
	toRead  int // frames to decode, set by begin
	doubt   string
	colour  *conversion  // to sRGB; nil if the picture is that already
	damaged bool         // what is hashed is only a part of the picture
	kept    []pdq.Result // of the frames reported so far
	passed  []pdq.Result // of frames for which there was no room
	spare   int          // frames that may be kept besides the evenly spread ones
}

// halt ends an examination with a reason of its own.
type halt struct {
	state  safety.ScanState // if nothing was hashed
	reason string
}

func (h halt) Error() string { return "media: " + h.reason }

func failed(reason string) error { return halt{safety.ScanFailed, reason} }

// examine looks at a file. It is what a child does all day. It may use much
// memory, run for long or crash: only a child should call it.
func examine(data []byte, lim Limits, e *engine, expired func() bool) (Report, preview) {
	x := &examination{data: data, lim: lim, engine: e, expired: expired, rep: verdict(safety.ScanScanned, "")}
	if len(data) == 0 {
		return verdict(safety.ScanFailed, ReasonEmpty), preview{}
	}
	x.rep.Format = sniff(data)
	read := codecFor(x.rep.Format)
	switch {
	case x.rep.Format == "":
		return verdict(safety.ScanUnsupported, ReasonUnknownFormat), preview{}
	case read == nil, wasmModule(x.rep.Format) == nil && needsModule(x.rep.Format):
		x.rep.Scan, x.rep.Reason = safety.ScanUnsupported, ReasonUnsupportedFormat
		return x.rep, preview{}
	}
	if needsModule(x.rep.Format) && (e == nil || e.format != x.rep.Format) {
		// The pool gives such a file to a child that has the module.
		return verdict(safety.ScanFailed, ReasonDecoderCrashed), preview{}
	}
	x.settle(read(x))
	return x.rep, x.preview
}

// settle turns what the codec ended with into the scan state.
func (x *examination) settle(err error) {
	// A frame that was passed over may have come again later, and been kept.
	if x.doubt == "" && slices.ContainsFunc(x.passed, func(r pdq.Result) bool { return !x.known(&r) }) {
		x.doubt = ReasonTooManyFrames
	}
	state, reason := safety.ScanPartial, x.doubt
	var h halt
	switch {
	case err == nil && reason == "" && len(x.kept) > 0:
		return
	case err == nil && reason == "":
		state, reason = safety.ScanFailed, ReasonCorrupt
	case errors.As(err, &h):
		state, reason = h.state, h.reason
	case err != nil:
		state, reason = explain(err)
	}
	if len(x.kept) > 0 {
		state = safety.ScanPartial
	} else if state == safety.ScanPartial {
		state = safety.ScanFailed
	}
	x.rep.Scan, x.rep.Reason = state, reason
}

// explain sorts the decoders' errors.
func explain(err error) (safety.ScanState, string) {
	var (
		j  jpeg.UnsupportedError
		tf tiff.UnsupportedError
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return safety.ScanFailed, ReasonTruncated
	case errors.As(err, &j), errors.As(err, &tf), errors.Is(err, bmp.ErrUnsupported):
		return safety.ScanUnsupported, ReasonUnsupportedCoding
	}
	return safety.ScanFailed, ReasonCorrupt
}

// begin announces a picture of frames frames, each up to w × h pixels, of which
// decoding one takes about need bytes. Its error refuses the picture;
// otherwise x.toRead says how many frames may be decoded.
func (x *examination) begin(w, h, frames int, need int64) error {
	x.rep.Width, x.rep.Height = w, h
	x.rep.Frames, x.rep.Animated = frames, frames > 1
	if err := x.fits(w, h, need); err != nil {
		return err
	}
	x.toRead = min(frames, x.lim.MaxFrames, max(1, int(x.lim.TotalPixels/(int64(w)*int64(h)))))
	if x.toRead < frames {
		x.doubt = ReasonTooManyFrames
	}
	x.spare = x.lim.MaxHashed - (x.toRead+x.stride()-1)/x.stride()
	return nil
}

// overhead is memory of a child besides decoded pixels: the Go runtime alone
// takes some 45 MiB of what RLIMIT_DATA counts, then there are hashing and
// garbage not yet collected. With less, pictures that are let in as just fitting
// were seen to kill their child.
const overhead = 104 << 20

// fits holds sizes from a header against the limits.
func (x *examination) fits(w, h int, need int64) error {
	switch {
	case w <= 0 || h <= 0:
		return failed(ReasonCorrupt)
	case w > x.lim.MaxSide || h > x.lim.MaxSide:
		return failed(ReasonSideTooLong)
	case int64(w)*int64(h) > x.lim.MaxPixels:
		return failed(ReasonTooManyPixels)
	case need+int64(len(x.data))+overhead > x.lim.ChildData:
		return failed(ReasonTooMuchMemory)
	}
	return nil
}

// stride spreads MaxHashed frames evenly over those that are decoded.
func (x *examination) stride() int {
	return max(1, (x.toRead+x.lim.MaxHashed-1)/x.lim.MaxHashed)
}

// frame hashes one decoded frame. Frames that hash like an earlier one add
// nothing to the report; of the others the evenly spread ones are kept, and
// more while there is room.
func (x *examination) frame(index int, r raster, orientation int) error {
	shown := r.oriented(orientation)
	if index == 0 {
		x.rep.Width, x.rep.Height, x.rep.Orientation = shown.w, shown.h, orientation
		x.preview = newPreview(shown)
	}
	shrinker, err := undo.NewShrinker(shown.w, shown.h)
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	result, err := shown.hash(shrinker.Row)
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	switch {
	case shown.w < 5 || shown.h < 5:
		x.doubt = ReasonTooSmall
	case x.known(&result):
		if index%x.stride() == 0 {
			x.spare++ // its place is free
		}
		return nil
	case index%x.stride() == 0:
	case x.spare > 0:
		x.spare--
	default:
		x.passed = append(x.passed, result)
		return nil
	}
	x.kept = append(x.kept, result)
	if x.damaged {
		x.variants(index, variantDamaged, &result)
		return nil
	}
	if len(x.kept) <= undoFrames && shown.w >= 5 && shown.h >= 5 {
		x.guess(index, shrinker.Plane())
	}
	if err := x.report(index, r, shown, result, orientation != 1); err != nil {
		return err
	}
	return x.inSRGB(index, shown, result)
}

// inSRGB adds the hash of a frame as a screen shows it, if its colour profile
// moves the hash. The other hashes are of the numbers as they are stored, since
// the tools that made the hash lists ignore profiles.
func (x *examination) inSRGB(index int, shown raster, plain pdq.Result) error {
	if x.colour == nil {
		return nil
	}
	result, err := shown.converted(x.colour).hash()
	if err != nil {
		return fmt.Errorf("media: %w", err)
	}
	if result.Hash.Distance(plain.Hash) > fewBits {
		x.variants(index, variantSRGB, &result)
	}
	return nil
}

// fewBits is how far a hash must move to be looked up too.
const fewBits = 4

// more reports whether the frame of an index is to be decoded. When the time
// is over it is not, so that the hashes so far are not lost.
func (x *examination) more(index int) bool {
	if index >= x.toRead {
		return false
	}
	if index > 0 && x.expired() {
		x.doubt = ReasonTimeout
		return false
	}
	return true
}

func (x *examination) known(r *pdq.Result) bool {
	return slices.Contains(x.kept, *r)
}

// report adds all the variants of a frame.
func (x *examination) report(index int, stored, shown raster, result pdq.Result, turned bool) error {
	x.variants(index, "", &result)
	if shown.transparent() {
		for _, ground := range []struct {
			name string
			grey uint8
		}{{"alpha_black", 0}, {"alpha_white", 255}} {
			on, err := shown.on(ground.grey).hash()
			if err != nil {
				return fmt.Errorf("media: %w", err)
			}
			x.variants(index, ground.name, &on)
		}
	}
	if turned {
		raw, err := stored.hash()
		if err != nil {
			return fmt.Errorf("media: %w", err)
		}
		x.rep.Hashes = append(x.rep.Hashes, FrameHash{Frame: index, Variant: variantStored, PDQ: raw.Hash, Quality: raw.Quality})
	}
	return nil
}

// undoFrames is of how many distinct frames edits are undone: an animation of
// hundreds would take seconds.
const undoFrames = 4

// guess reports what the frame may have been before an edit.
func (x *examination) guess(index int, p undo.Plane) {
	for _, v := range undo.Variants(p, x.lim.Undo) {
		x.rep.Undone = append(x.rep.Undone, FrameHash{Frame: index, Variant: v.Name, PDQ: v.Result.Hash, Quality: v.Result.Quality})
	}
}

func (x *examination) variants(index int, prefix string, r *pdq.Result) {
	names := pdq.VariantNames()
	for i, h := range r.Dihedral() {
		x.rep.Hashes = append(x.rep.Hashes, FrameHash{
			Frame: index, Variant: variantName(prefix, names[i], i == 0), PDQ: h, Quality: r.Quality,
		})
	}
}

const (
	// variantStored is the hash of the pixels before EXIF orientation.
	variantStored = "stored"
	// variantSRGB is the prefix of hashes after conversion to sRGB.
	variantSRGB = "srgb"
	// variantDamaged is the prefix of hashes of what is left of a picture.
	variantDamaged = "damaged"
)

// variantName joins a way of flattening alpha ("" for dropping it) and an
// orientation.
func variantName(prefix, orientation string, original bool) string {
	switch {
	case prefix == "":
		return orientation
	case original:
		return prefix
	}
	return prefix + "_" + orientation
}

// ends tells where the picture's last byte is followed by bytes that do not
// belong to it.
func (x *examination) ends(at int) {
	if at > 0 && at < len(x.data) {
		x.rep.TrailingBytes = int64(len(x.data) - at)
		x.rep.TrailingFormat = second(x.data[at:])
	}
}
