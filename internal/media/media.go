package media

import (
	"time"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
	"github.com/rowan-safety/rowan/pdq/undo"
)

// Limits bound what one file may cost. A zero field takes the default.
type Limits struct {
	MaxBytes    int64         // of the file; default 32 MiB
	MaxPixels   int64         // of one frame; default 60 million
	MaxSide     int           // of one frame in pixels; default 16384
	MaxFrames   int           // decoded; default 512
	MaxHashed   int           // frames whose hashes are reported; default 32
	TotalPixels int64         // over all decoded frames; default 500 million
	Timeout     time.Duration // for one file; default 10 s
	ChildData   int64         // memory of a child, RLIMIT_DATA; at least 128 MiB, default 384 MiB
	Undo        undo.Set      // edits that are undone; default undo.Default
	// WasmData is the memory of a child that decodes HEIC, AVIF or JPEG XL, if
	// more than ChildData; default 512 MiB. Their decoders keep several copies of
	// a picture: 12 megapixels take some 80 MiB as HEIC and 270 MiB as AVIF.
	WasmData int64
	// VideoTimeout is for one video, default 45 s; what was hashed by then is
	// reported. VideoData is the memory of ffmpeg, default 768 MiB.
	VideoTimeout time.Duration
	VideoData    int64
	VideoFrames  int           // hashed of one video; default 1800
	VideoEvery   time.Duration // between them; default 1 s
}

// DefaultLimits are the limits of a zero [Limits].
func DefaultLimits() Limits { return Limits{}.orDefault() }

func (l Limits) orDefault() Limits {
	fill(&l.MaxBytes, 32<<20)
	fill(&l.MaxPixels, 60e6)
	fill(&l.MaxSide, 16384)
	fill(&l.MaxFrames, 512)
	fill(&l.MaxHashed, 32)
	fill(&l.TotalPixels, 500e6)
	fill(&l.Timeout, 10*time.Second)
	fill(&l.ChildData, 384<<20)
	fill(&l.WasmData, 512<<20)
	fill(&l.VideoTimeout, 45*time.Second)
	fill(&l.VideoData, 768<<20)
	fill(&l.VideoFrames, 1800)
	fill(&l.VideoEvery, time.Second)
	l.ChildData = max(l.ChildData, 128<<20) // the runtime itself takes a third of that
	return l
}

func fill[T ~int | ~int64](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// Why a file was not scanned whole: the values of [Report.Reason]. They are
// stable words for policies and metrics.
const (
	ReasonEmpty             = "empty"              // no bytes
	ReasonTooManyBytes      = "too_many_bytes"     // over Limits.MaxBytes
	ReasonUnknownFormat     = "unknown_format"     // no known signature
	ReasonUnsupportedFormat = "unsupported_format" // known signature, no decoder; see Report.Format
	ReasonUnsupportedCoding = "unsupported_coding" // the format's decoder does not know this variety of it
	ReasonTooManyPixels     = "too_many_pixels"    // over Limits.MaxPixels
	ReasonSideTooLong       = "side_too_long"      // over Limits.MaxSide
	ReasonTooMuchMemory     = "too_much_memory"    // decoding it was not tried
	ReasonTooManyFrames     = "too_many_frames"    // not all frames were decoded, or not all hashes kept
	ReasonTooSmall          = "too_small"          // a side under 5 pixels: exact digests only
	ReasonTruncated         = "truncated"          // the file ends too early
	ReasonCorrupt           = "corrupt"            // the decoder found an error
	ReasonTimeout           = "timeout"            // over Limits.Timeout
	ReasonOutOfMemory       = "out_of_memory"      // the child met Limits.ChildData
	ReasonDecoderCrashed    = "decoder_crashed"    // the child died twice
	ReasonNoVideoDecoder    = "no_video_decoder"   // ffmpeg is not installed, or cannot be confined; see Pool.Video
	ReasonNoVideoStream     = "no_video_stream"    // a container without pictures
	ReasonTooManyStreams    = "too_many_streams"   // more than four streams of video
	ReasonSizeChanges       = "size_changes"       // the video begins tiny and grows
	ReasonEncrypted         = "encrypted"          // the video is, and cannot be decoded
)

// FrameHash is one perceptual hash of one frame. Hashes with a Quality under
// pdq.MinQuality must not be compared for nearness.
type FrameHash struct {
	Frame   int           // index in the file, from 0
	Variant string        // see the package comment
	PDQ     pdq.Hash      // 256 bits
	Quality int           // 0 to 100
	At      time.Duration `json:",omitempty"` // of a video: from its beginning
}

// Report is what is known of a file after examination.
type Report struct {
	Format         string           // "jpeg", "png", …; empty if unknown
	Width, Height  int              // pixels, after orientation
	Frames         int              // in the file (pages, for TIFF; hashed ones, for a video); 1 for a still picture
	Scan           safety.ScanState // never empty
	Reason         string           // one of the Reason constants; empty if scanned
	Animated       bool             // more than one frame
	Orientation    int              // EXIF, 1 to 8; 1 if not given
	TrailingBytes  int64            // after the end of the picture
	TrailingFormat string           // of a second file found there, if it was recognised
	Hashes         []FrameHash      // distinct frames in file order
	Undone         []FrameHash      // guesses at what the first frames were before an edit; Variant is one of undo.Names
	Duration       time.Duration    // of a video, as the file says; 0 if it does not
	Streams        int              // of pictures in a video file
	PreviewPNG     []byte           // of the first frame (of a video, the one that shows most): grey, blurred, at most 96 pixels a side; nil if none
}

func verdict(state safety.ScanState, reason string) Report {
	return Report{Scan: state, Reason: reason, Orientation: 1}
}
