// Package pdq computes PDQ, Meta's perceptual hash of pictures: 256 bits that
// change little when a picture is rescaled, recompressed or slightly edited.
//
// # Specification
//
// The algorithm is described in "The TMK+PDQF Video-Hashing Algorithm and the
// PDQ Image-Hashing Algorithm" (Facebook, 2019) and fixed by its reference
// implementation, pdq/cpp in https://github.com/facebook/ThreatExchange. In
// short: luma, two passes of a box filter along rows and columns, 64×64
// samples, the 16×16 lowest frequencies of their cosine transform without the
// constant ones, and one bit for each that is above the median.
//
// Three conventions of down-sampling are in the field. This package follows
// the one of Hasher-Matcher-Actioner, python-threatexchange, vPDQ and the Java
// implementation: the filter runs over the picture at full resolution. The
// C++ command line first shrinks to 512×512 by nearest neighbour; its hashes
// differ from these by up to about 10 bits.
//
// # Promises
//
//   - The same luma gives the same hash and the same quality as the reference
//     C++ arithmetic, bit for bit, on every architecture and with every kernel:
//     each sum is float32 in the reference's order, each quotient is correctly
//     rounded, and no product is fused with an addition. There is no shorter
//     way whose rounding is guessed at. testdata/reference.json holds vectors
//     made with the reference.
//   - Memory is some rows of the picture, never a plane of floats: see
//     [Compute].
//   - Nothing panics on any picture. A picture with a side under 5 pixels has
//     the zero hash and quality 0, as in the reference.
//
// # Kernels
//
// On amd64 with AVX2 and FMA the filters run in assembly, 16 rows at a time:
// rows in lanes along rows, columns in lanes along columns, so that each sum
// keeps its order. Elsewhere the same is done in plain Go. No setting chooses;
// the processor is asked.
//
// A one-pass variant with the weights of both filters (one multiplication a
// pixel) was tried and dropped: its sums round differently from the reference's,
// whose rounding can be bounded only so loosely that no picture is safe, and an
// estimated bound sent about four photograph-like pictures in ten to the
// exact path all the same, which is now faster than the two together. Kernels
// of AVX-512 were tried, too, and were no faster than those of AVX2 on a Zen 4.
//
// "make bench-pdq" prints what they take. On 2 virtual cores of an AMD EPYC
// (Zen 4), shared with other work, one thread, from rows of luma in memory: 512×512
// in 0.15 to 0.20 ms by AVX2 and 0.83 to 1.0 ms in plain Go (the reference: 5.4
// ms); 2272×1704 in 2.7 to 3.8 ms and 15 to 21 ms (the reference: 80 ms or more);
// the eight orientations in 8 µs.
//
// # Screening JPEG files
//
// [ScreenJPEG] hashes a JPEG file without decoding its pixels. It answers with a
// hash that is near the exact one, or with an error that asks for the full
// decode. So a lookup that must not miss anything goes: screen within
// [MatchThreshold] + [ScreenMargin]; on an error, or if that finds anything,
// decode, hash with [FromImage] and look that up. What screening finds is never a
// match by itself, and its distance is not to be reported.
//
// Measured against [FromImage] on 320 procedural pictures of 128 to 1027 pixels
// a side in four qualities of image/jpeg, half of them with colours up to the
// corners of the cube: of 280 that were not refused 80 at 0 bits, 134 at 2, 58
// at 4, 6 at 6, 2 at 8 and none further; the reference's bridge pictures: 0 or
// 2 bits from the published hashes. At libjpeg's quality 10, which is refused, up
// to 14. In time it was on a par with the grey decode of libjpeg-turbo's djpeg
// on the same files (109 ms to 119 ms for all; 0.4 to 1.5 × a file).
//
// # Use
//
// A match is a [Hash.Distance] of at most [MatchThreshold] between hashes which
// both have a [Result.Quality] of at least [MinQuality]. PDQ does not see that
// a picture was turned or mirrored; ask [Result.Dihedral] for the hashes of
// all eight orientations and look each of them up.
//
// PDQ is no cryptographic hash: pictures can be made to collide, and a match
// is a finding for policy or a person to judge, never proof.
package pdq
