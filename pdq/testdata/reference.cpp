// Makes reference.json and decoded.json: PDQ by the reference arithmetic.
// Build (ThreatExchange checked out in $TE):
//   g++ -O2 -I$TE -o reference testdata/reference.cpp \
//     $TE/pdq/cpp/{hashing/pdqhashing,hashing/torben,downscaling/downscaling,common/pdqhashtypes,common/pdqhamming}.cpp
// Run:
//   ./reference vectors > testdata/reference.json
//   ./reference ppm NAME < picture.ppm         (one line of decoded.json; P5 or P6 of 8 bits)
//   ./reference cosines                        (FNV-1a over the 1024 cosines, row by row, little-endian)
#include <pdq/cpp/downscaling/downscaling.h>
#include <pdq/cpp/hashing/pdqhashing.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

using namespace facebook::pdq::hashing;
typedef uint32_t u32;

// --- the generator, in 32-bit unsigned arithmetic; the test has the same one
static u32 mix(u32 x) {
  x ^= x >> 16; x *= 0x7feb352du; x ^= x >> 15; x *= 0x846ca68bu; x ^= x >> 16;
  return x;
}
static u32 lattice(u32 seed, u32 i, u32 j) { return mix(seed + i * 0x9e3779b1u + j * 0x85ebca77u) & 255; }
static u32 octave(u32 seed, u32 x, u32 y, u32 cell) {
  u32 i = x / cell, j = y / cell, fx = x % cell, fy = y % cell;
  u32 top = lattice(seed, i, j) * (cell - fx) + lattice(seed, i + 1, j) * fx;
  u32 bottom = lattice(seed, i, j + 1) * (cell - fx) + lattice(seed, i + 1, j + 1) * fx;
  return (top * (cell - fy) + bottom * fy) / (cell * cell);
}
static u32 noise(u32 seed, u32 x, u32 y, u32 w, u32 h) {
  u32 cell = (w > h ? w : h) / 6 + 1;
  return (octave(seed, x, y, cell) * 4 + octave(seed + 1, x, y, cell / 2 + 1) * 2 + octave(seed + 2, x, y, cell / 4 + 1)) / 7;
}
static u32 value(const std::string& kind, u32 seed, u32 x, u32 y, u32 w, u32 h) {
  u32 c = w / (3 + seed % 9) + 1;
  if (kind == "noise") return noise(seed, x, y, w, h);
  if (kind == "gradient") return (x * (seed % 5 + 1) * 255 / w + y * (seed % 3 + 1) * 255 / h) / 8;
  if (kind == "checker") return ((x / c + y / c) & 1) * 255;
  if (kind == "stripes") return ((x * (seed % 4) + y * (seed % 3 + 1)) / c & 1) * 200 + 20;
  if (kind == "static") return mix(seed + x + y * w) & 255;
  return seed & 255;  // flat
}

static void rgbLuma(const std::vector<uint8_t>& r, const std::vector<uint8_t>& g, const std::vector<uint8_t>& b, int w, int h, float* out) {
  fillFloatLumaFromRGB((uint8_t*)r.data(), (uint8_t*)g.data(), (uint8_t*)b.data(), h, w, w, 1, out);
}

static std::string json(std::vector<float>& a, int w, int h) {
  std::vector<float> b(a.size());
  static float b64[64][64], b16x64[16][64], b16[16][16], aux[16][16];
  Hash256 hash[8];
  int quality = 0;
  if (w >= 5 && h >= 5) {
    pdqFloat256FromFloatLuma(a.data(), b.data(), h, w, b64, b16x64, b16, quality);
    typedef void (*turn)(float[16][16], float[16][16]);
    turn turns[7] = {dct16OriginalToRotate90, dct16OriginalToRotate180, dct16OriginalToRotate270,
        dct16OriginalToFlipX, dct16OriginalToFlipY, dct16OriginalToFlipPlus1, dct16OriginalToFlipMinus1};
    pdqBuffer16x16ToBits(b16, &hash[0]);
    for (int i = 0; i < 7; i++) {
      turns[i](b16, aux);
      pdqBuffer16x16ToBits(aux, &hash[i + 1]);
    }
  }
  std::string s = "\"quality\":" + std::to_string(quality) + ",\"dihedral\":[";
  for (int i = 0; i < 8; i++) s += (i ? ",\"" : "\"") + hash[i].format() + "\"";
  return s + "]}";
}

static void vector(const std::string& kind, u32 seed, int w, int h, bool last) {
  std::vector<float> luma(w * h);
  if (kind == "rgb") {  // three noise planes, seeds s, s+10, s+20
    std::vector<uint8_t> p[3];
    for (int c = 0; c < 3; c++)
      for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) p[c].push_back(noise(seed + 10 * c, x, y, w, h));
    rgbLuma(p[0], p[1], p[2], w, h, luma.data());
  } else {
    for (int y = 0; y < h; y++)
      for (int x = 0; x < w; x++) luma[y * w + x] = value(kind, seed, x, y, w, h);
  }
  printf("  {\"kind\":\"%s\",\"seed\":%u,\"width\":%d,\"height\":%d,%s%s\n", kind.c_str(), seed, w, h, json(luma, w, h).c_str(), last ? "" : ",");
}

static void vectors() {
  int sizes[][2] = {{4, 90}, {5, 5}, {5, 700}, {6, 7}, {13, 9}, {31, 33}, {34, 42}, {63, 64}, {64, 64}, {64, 65}, {65, 64},
      {100, 37}, {127, 128}, {128, 127}, {128, 128}, {129, 129}, {160, 100}, {255, 256}, {257, 255}, {300, 5}, {333, 222},
      {384, 385}, {512, 512}, {640, 480}, {641, 479}, {700, 1000}, {1000, 700}, {1023, 64}, {64, 1023}, {1280, 129}};
  const char* kinds[] = {"noise", "rgb", "gradient", "checker", "stripes", "static"};
  int n = sizeof sizes / sizeof *sizes;
  printf("{\n \"comment\": \"PDQ of procedural pictures by the reference arithmetic, facebook/ThreatExchange baefb4ed67b6cdc1d4c82dbaef858d50866ac424 (2026-07-17), g++ 12 -O2, x86-64. Made by reference.cpp beside this file, which also defines the generator. Order of dihedral: original, rotate90, rotate180, rotate270, flipX, flipY, flipPlus1, flipMinus1.\",\n \"vectors\": [\n");
  for (int i = 0; i < n; i++) {
    vector("noise", 100 + i, sizes[i][0], sizes[i][1], false);
    vector("rgb", 200 + i, sizes[i][0], sizes[i][1], false);
    vector(kinds[2 + i % 4], 300 + i, sizes[i][0], sizes[i][1], false);
  }
  vector("flat", 77, 200, 100, true);
  printf(" ]\n}\n");
}

static void ppm(const char* name) {
  char kind;
  int w, h, max;
  if (scanf("P%c %d %d %d", &kind, &w, &h, &max) != 4 || max != 255) { fprintf(stderr, "%s: not an 8-bit PNM\n", name); return; }
  getchar();
  std::vector<float> luma(w * h);
  std::vector<uint8_t> p[3];
  for (int i = 0; i < w * h; i++)
    for (int c = 0; c < 3; c++) p[c].push_back(kind == '5' && c ? p[0].back() : getchar());
  if (kind == '5') fillFloatLumaFromGrey(p[0].data(), h, w, w, 1, luma.data());
  else rgbLuma(p[0], p[1], p[2], w, h, luma.data());
  printf("  {\"file\":\"%s\",\"width\":%d,\"height\":%d,%s", name, w, h, json(luma, w, h).c_str());
}

static void cosines() {
  uint64_t f = 14695981039346656037ull;
  const float scale = std::sqrt(2.0 / double{64});
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 64; j++) {
      float v = scale * std::cos((3.14159265358979323846 / 2.0 / double{64}) * (size_t)(i + 1) * (size_t)(2 * j + 1));
      u32 b;
      memcpy(&b, &v, 4);
      for (int k = 0; k < 4; k++) f = (f ^ ((b >> 8 * k) & 255)) * 1099511628211ull;
    }
  printf("%016llx\n", (unsigned long long)f);
}

int main(int argc, char** argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "vectors") vectors();
  else if (mode == "ppm" && argc == 3) ppm(argv[2]);
  else if (mode == "cosines") cosines();
  else return 2;
  return 0;
}
