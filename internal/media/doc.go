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
// that it cannot open a file, make a socket or start a program, and then answers
// one picture at a time. The parent kills it when the time is up, and replaces
// it when it dies, after a number of files, or when it has grown.
//
// A program that makes a pool calls [ChildMain] first of all in main, and in
// TestMain.
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
// The format is taken from the bytes, never from a name. Before any pixel is
// decoded, the header's sizes are held against [Limits] and the decoder's need
// of memory is estimated from them.
//
// Hashed are the canonical pixels: EXIF orientation applied, palettes, grey and
// CMYK turned into RGB, 16 bits cut to 8, animation frames composited. A
// picture that uses alpha is hashed with alpha dropped (as every other PDQ tool
// does) and as it looks on black and on white. Variant names are those of
// pdq.VariantNames, the same with the prefix "alpha_black_" or "alpha_white_"
// ("alpha_black" and "alpha_white" alone stand for the original orientation),
// and "stored" for the hash before EXIF orientation, which is what tools that
// ignore it compute. [Report].Undone holds guesses at what the first frames were
// before an edit: package undo.
//
// # Known gaps
//
// Colour profiles are ignored: every picture is taken as sRGB. HEIC, AVIF,
// JPEG XL and video are recognised and answered "unsupported". Of a truncated
// file only JPEG is decoded as far as it goes; APNG, GIF, TIFF and WebP keep the
// frames before the damage. Trailing bytes are not looked for in TIFF.
package media
