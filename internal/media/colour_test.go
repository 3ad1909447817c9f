package media_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rowan-safety/rowan/internal/media"
	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/pdq"
)

// space is a colour space as profiles tell it: the XYZ of red, green and blue
// relative to D50, and the exponent of its curve (0: the curve of sRGB).
type space struct {
	name   string
	matrix [3][3]float64 // columns are red, green, blue
	gamma  float64
}

var (
	sRGB      = space{"sRGB", [3][3]float64{{0.43607, 0.38515, 0.14307}, {0.22249, 0.71687, 0.06061}, {0.01392, 0.09708, 0.71410}}, 0}
	displayP3 = space{"Display P3", [3][3]float64{{0.51512, 0.29198, 0.15710}, {0.24120, 0.69225, 0.06657}, {-0.00105, 0.04189, 0.78407}}, 0}
	adobeRGB  = space{"Adobe RGB", [3][3]float64{{0.60974, 0.20528, 0.14919}, {0.31111, 0.62567, 0.06322}, {0.01947, 0.06087, 0.74457}}, 563.0 / 256}
	proPhoto  = space{"ProPhoto", [3][3]float64{{0.79767, 0.13519, 0.03134}, {0.28804, 0.71188, 0.00009}, {0, 0, 0.82491}}, 461.0 / 256}
)

func (s space) light(v float64) float64 {
	switch {
	case s.gamma != 0:
		return math.Pow(v, s.gamma)
	case v <= 0.04045:
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func (s space) number(light float64) float64 {
	light = min(max(light, 0), 1)
	switch {
	case s.gamma != 0:
		return math.Pow(light, 1/s.gamma)
	case light <= 0.0031308:
		return 12.92 * light
	}
	return 1.055*math.Pow(light, 1/2.4) - 0.055
}

// profile is an ICC profile of the space.
func (s space) profile() []byte {
	curve := append([]byte("curv\x00\x00\x00\x00"), be32(1)...)
	curve = binary.BigEndian.AppendUint16(curve, uint16(s.gamma*256+0.5))
	if s.gamma == 0 {
		curve = append([]byte("para\x00\x00\x00\x00\x00\x03\x00\x00"), be32(157286, 62119, 3417, 5073, 2651)...)
	}
	head := make([]byte, 128)
	copy(head[8:], "\x04\x20\x00\x00mntrRGB XYZ ")
	copy(head[36:], "acsp")
	copy(head[68:], be32(0xf6d6, 0x10000, 0xd32d)) // the illuminant D50
	body, table := []byte(nil), be32(6)
	add := func(tag string, b []byte) {
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		table = append(append(table, tag...), be32(uint32(128+4+6*12+len(body)), uint32(len(b)))...)
		body = append(body, b...)
	}
	for i, c := range []string{"r", "g", "b"} {
		xyz := []byte("XYZ \x00\x00\x00\x00")
		for k := range 3 {
			xyz = append(xyz, be32(uint32(int32(math.Round(s.matrix[k][i]*65536))))...)
		}
		add(c+"XYZ", xyz)
		add(c+"TRC", curve)
	}
	binary.BigEndian.PutUint32(head, uint32(len(head)+len(table)+len(body)))
	return append(append(head, table...), body...)
}

func inverse(m [3][3]float64) (out [3][3]float64) {
	det := 0.0
	minor := func(i, j int) float64 {
		a, b, c, d := (i+1)%3, (i+2)%3, (j+1)%3, (j+2)%3
		return m[a][c]*m[b][d] - m[a][d]*m[b][c]
	}
	for j := range 3 {
		det += m[0][j] * minor(0, j)
	}
	for i := range 3 {
		for j := range 3 {
			out[j][i] = minor(i, j) / det
		}
	}
	return out
}

// in is the picture in the numbers of a space: shown with its profile it looks
// as m does.
func (s space) in(m image.Image) *image.NRGBA {
	out := image.NewNRGBA(m.Bounds())
	to := inverse(s.matrix)
	mul := func(m *[3][3]float64, v [3]float64) (o [3]float64) {
		for i := range 3 {
			for j := range 3 {
				o[i] += m[i][j] * v[j]
			}
		}
		return o
	}
	for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
		for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
			c, _ := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			v := [3]float64{sRGB.light(float64(c.R) / 255), sRGB.light(float64(c.G) / 255), sRGB.light(float64(c.B) / 255)}
			v = mul(&to, mul(&sRGB.matrix, v))
			b := func(l float64) uint8 { return uint8(s.number(l)*255 + 0.5) }
			out.SetNRGBA(x, y, color.NRGBA{R: b(v[0]), G: b(v[1]), B: b(v[2]), A: c.A})
		}
	}
	return out
}

// iCCP puts a profile into a PNG.
func iCCP(t testing.TB, file, profile []byte) []byte {
	t.Helper()
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	if _, err := w.Write(profile); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	chunk := pngChunk("iCCP", append([]byte("x\x00\x00"), z.Bytes()...))
	return bytes.Join([][]byte{file[:33], chunk, file[33:]}, nil)
}

// app2 puts a profile into a JPEG.
func app2(file, profile []byte) []byte {
	body := append([]byte("ICC_PROFILE\x00\x01\x01"), profile...)
	head := []byte{0xff, 0xd8, 0xff, 0xe2, byte((len(body) + 2) >> 8), byte(len(body) + 2)}
	return bytes.Join([][]byte{head, body, file[2:]}, nil)
}

// vivid is the scene in colours near the limits of sRGB, with dark colours as
// luminous in one space as light ones are in another.
func vivid(w, h int) *image.NRGBA {
	m := scene(w, h)
	for i := 0; i < len(m.Pix); i += 4 {
		mean := (int(m.Pix[i]) + int(m.Pix[i+1]) + int(m.Pix[i+2])) / 3
		for c := range 3 {
			m.Pix[i+c] = uint8(min(max(mean+3*(int(m.Pix[i+c])-mean), 0), 255))
		}
	}
	return m
}

func variant(r media.Report, name string) (pdq.Hash, bool) {
	for _, h := range r.Hashes {
		if h.Variant == name {
			return h.PDQ, true
		}
	}
	return pdq.Hash{}, false
}

// TestProfiles shows one picture by way of several colour spaces. What every
// other tool computes from such a file stays there as "original"; what is seen
// is found as "srgb", where that is another hash.
func TestProfiles(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	m := vivid(640, 480)
	want, err := pdq.FromImage(m)
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, s := range []space{sRGB, displayP3, adobeRGB, proPhoto} {
		numbers := s.in(m)
		plain, err := pdq.FromImage(numbers)
		if err != nil {
			t.Fatal(err)
		}
		for kind, file := range map[string][]byte{
			"PNG": iCCP(t, asPNG(t, numbers), s.profile()), "JPEG": app2(asJPEG(t, numbers, 97), s.profile()),
			"HEIC": fixture(t, "p3.heic"), "AVIF": fixture(t, "p3.avif"),
		} {
			if (kind == "HEIC" || kind == "AVIF") && s.name != displayP3.name {
				continue // there is a file in one space only
			}
			r := look(t, p, file)
			original, _ := variant(r, "original")
			seen, ok := variant(r, "srgb")
			t.Logf("%s in %s: original is %d bits from the numbers, %d from what is seen; srgb %v, %d bits", kind, s.name,
				original.Distance(plain.Hash), original.Distance(want.Hash), ok, seen.Distance(want.Hash))
			if r.Scan != safety.ScanScanned || original.Distance(plain.Hash) > 4 {
				t.Errorf("%s in %s: original is %d bits off", kind, s.name, original.Distance(plain.Hash))
			}
			far := original.Distance(want.Hash) > 10
			if ok && seen.Distance(want.Hash) > 8 || far && !ok {
				t.Errorf("%s in %s: srgb %v, %d bits from what is seen", kind, s.name, ok, seen.Distance(want.Hash))
			}
			if ok {
				moved++
			}
			if s.name == "sRGB" && ok {
				t.Error("sRGB was converted to sRGB")
			}
		}
	}
	if moved == 0 {
		t.Error("no profile moved the hash: this test shows nothing")
	}
}

// TestProfileDistances prints how far profiles move the hash, which is why the
// converted hash is an extra one and not the canonical one.
func TestProfileDistances(t *testing.T) {
	pictures := map[string]image.Image{"scene": scene(640, 480), "vivid scene": vivid(640, 480)}
	dir := filepath.Join(runtime.GOROOT(), "src", "image", "testdata") //nolint:staticcheck // the only way to the toolchain's files
	for _, name := range []string{"video-001.jpeg", "video-001.rgb.png"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Log("the Go toolchain's pictures are ABSENT")
			continue
		}
		decode := png.Decode
		if strings.HasSuffix(name, ".jpeg") {
			decode = jpeg.Decode
		}
		if pictures[name], err = decode(bytes.NewReader(b)); err != nil {
			t.Fatal(err)
		}
	}
	for name, m := range pictures {
		seen, err := pdq.FromImage(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []space{displayP3, adobeRGB, proPhoto} {
			stored, err := pdq.FromImage(s.in(m))
			if err != nil {
				t.Fatal(err)
			}
			d := stored.Hash.Distance(seen.Hash)
			t.Logf("%s in %s: %d bits", name, s.name, d)
			if d > pdq.MatchThreshold && s.name == "Display P3" && !strings.HasPrefix(name, "vivid") {
				t.Errorf("%s in %s: %d bits, more than the packages' comment says", name, s.name, d)
			}
		}
	}
}

// TestDeep: 16-bit samples are rounded, not cut.
func TestDeep(t *testing.T) {
	p := newPool(t, media.Config{Children: 1})
	s := scene(640, 480)
	below := image.NewNRGBA64(s.Rect) // each sample as low as rounds to the 8-bit one
	for i, v := range s.Pix {
		d := max(int(v)*257-128, 0)
		if i%4 == 3 {
			d = 65535
		}
		binary.BigEndian.PutUint16(below.Pix[2*i:], uint16(d))
	}
	if got, _ := variant(look(t, p, asPNG(t, below)), "original"); got != sceneHash(t) {
		t.Errorf("%d bits from the same in 8 bits", got.Distance(sceneHash(t)))
	}
}
