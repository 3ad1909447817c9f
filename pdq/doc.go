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
//   - Memory is a few rows of the picture (width × ceil(height/128) samples),
//     never a plane of floats: see [Compute].
//   - Nothing panics on any picture. A picture with a side under 5 pixels has
//     the zero hash and quality 0, as in the reference.
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
