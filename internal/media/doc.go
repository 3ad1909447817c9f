// Package media turns hostile bytes into what the rest of Rowan may look at:
// exact digests, perceptual hashes of every frame, and a small blurred preview.
// It is the only package that imports image decoders, and none of them ever
// runs in the server's own process.
//
// # How
//
// [NewPool] starts copies of the running executable as children. Each child
// gives up everything but its two pipes (on Linux: resource limits, Landlock
// with an empty rule set, a seccomp list of permitted system calls), proves
// that it cannot open a file, make a socket, start a program or make memory
// executable, and then answers one picture at a time. The parent kills it when the time is up, and replaces
// it when it dies, after a number of files, or when it has grown.
//
// Go decodes JPEG, PNG, GIF, WebP, BMP and TIFF. HEIC, AVIF and JPEG XL are
// decoded by C libraries compiled to WebAssembly (wasm/README.md). Each of these
// has children of its own, started when the first such file comes, since
// compiling a module takes 0.2 to 0.5 s and some 60 MiB, and must be over before
// the sandbox closes. An instance is made for one file only; its memory is capped
// below the child's, so that too large a picture is an answer and not a death.
//
// A program that makes a pool calls [ChildMain] first of all in main, and in
// TestMain.
//
// Videos are decoded by the system's ffmpeg program, which is started for one
// stream of one file by a launcher: a copy of the running executable that limits
// itself (here Landlock must be there), tries whether that holds, and becomes
// ffmpeg. The file is a sealed memory file, the output a pipe to a child that
// hashes the pictures and reads the log. Where ffmpeg is missing or cannot be
// confined, videos are "unsupported"; see [Pool.Video].
//
// # What comes back
//
// A [Report] always carries a safety.ScanState. Its promise: "scanned" means
// that every frame of the file was decoded without an error and hashed. All
// else is "partial" (something was hashed, something was not), "failed" or
// "unsupported", with a reason that is one of the Reason constants. A damaged,
// oversized or unknown file is an outcome, not an error; errors are for a pool
// that cannot work.
//
// For a video, "scanned" means that every stream of pictures, four at most, was
// decoded to its end without an error, and that of each were hashed: the first
// frame, every frame whose time is Limits.VideoEvery or more from that of the last
// one hashed (before or after it), every frame without a time, and at least every
// sixtieth. Of a video at a constant whole number of frames a second, up to 60,
// these are the frames that the reference's Python library takes. Frames are hashed
// as stored, in eight orientations; [Report.Video] has them for package vpdq. Any
// error in ffmpeg's log makes it "partial".
//
// The format is taken from the bytes, never from a name. Before any pixel is
// decoded, the header's sizes are held against [Limits] and the decoder's need
// of memory is estimated from them.
//
// Of a file that is truncated or damaged, what can be decoded is hashed with the
// prefix "damaged" ("damaged" alone for the original orientation), because viewers
// show it too: JPEG up to the damage, rows of PNG, GIF and BMP, WebP, uncompressed
// TIFF. Whole frames before the damage keep their plain names. The state is
// "partial".
//
// A file that killed a child, by crash, time or memory, is remembered for two
// minutes by its SHA-256 and answered "failed" with the same reason, so that
// sending it again kills no other child. [Pool.Stats] counts both.
//
// Hashed are the canonical pixels: EXIF orientation applied, palettes, grey and
// CMYK turned into RGB, 16 bits rounded to 8, animation frames composited. A
// picture that uses alpha is hashed with alpha dropped (as every other PDQ tool
// does) and as it looks on black and on white. Variant names are those of
// pdq.VariantNames, the same with the prefix "alpha_black_" or "alpha_white_"
// ("alpha_black" and "alpha_white" alone stand for the original orientation),
// and "stored" for the hash before EXIF orientation, which is what tools that
// ignore it compute. Colours are taken as the numbers in the file say, whatever
// profile goes with them, as the tools do that made the hash lists. If a profile
// (ICC matrix and curves, nclx, cICP) moves the hash by more than 4 bits, the
// picture converted to sRGB is hashed too, with the prefix "srgb". Measured by
// TestProfileDistances, Display P3, Adobe RGB and ProPhoto move the hash of
// ordinary pictures by 2 to 6 bits and of very colourful ones by 16 to 20.
// [Report].Undone holds guesses at what the first frames were before an edit:
// package undo.
//
// # Known gaps
//
// What a video shows for less than a second between two hashed frames is not seen.
// A video cut between two fragments (MP4) or clusters of unknown length (live WebM)
// cannot be told from a shorter one. Containers other than MP4, QuickTime, Matroska,
// WebM and AVI are not read.
//
// Profiles made of tables (printers' ones, and so all of CMYK) are ignored. Of a HEIC file only the primary
// picture is decoded, and its alpha is dropped. AVIF is decoded premultiplied: the
// colours below transparent pixels are lost; its clipping is ignored. Of a truncated
// HEIC, AVIF or JPEG XL picture nothing is hashed, nor of an interlaced PNG, nor of
// the pages of a TIFF that are compressed. A truncated bare JPEG XL codestream is
// called "corrupt". Trailing bytes are not looked for in TIFF and in bare JPEG XL.
package media
