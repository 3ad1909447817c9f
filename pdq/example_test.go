package pdq_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log"

	"github.com/rowan-safety/rowan/pdq"
)

// rings draws a pattern, brightened by a constant.
func rings(brighter int) image.Image {
	m := image.NewGray(image.Rect(0, 0, 200, 150))
	for y := range 150 {
		for x := range 200 {
			m.SetGray(x, y, color.Gray{Y: uint8((x*x/60+y*y/20)%160 + brighter)})
		}
	}
	return m
}

func ExampleFromImage() {
	a, err := pdq.FromImage(rings(0))
	if err != nil {
		log.Fatal(err)
	}
	b, err := pdq.FromImage(rings(40))
	if err != nil {
		log.Fatal(err)
	}
	good := a.Quality >= pdq.MinQuality && b.Quality >= pdq.MinQuality
	fmt.Println("match:", good && a.Hash.Distance(b.Hash) <= pdq.MatchThreshold)
	// Output: match: true
}

func ExampleCompute() {
	// Luma arrives row by row, from a decoder that never holds the picture.
	r, err := pdq.Compute(640, 480, func(y int, luma []float32) {
		for x := range luma {
			luma[x] = float32((x ^ y) & 255)
		}
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Quality)
	// Output: 100
}

func ExampleScreenJPEG() {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, rings(0), nil); err != nil {
		log.Fatal(err)
	}
	known, err := pdq.FromImage(rings(0))
	if err != nil {
		log.Fatal(err)
	}
	// Screen first. An error means: not hashed, decode it.
	r, err := pdq.ScreenJPEG(file.Bytes(), 100_000_000)
	if err == nil && r.Hash.Distance(known.Hash) > pdq.MatchThreshold+pdq.ScreenMargin {
		fmt.Println("no match")
		return
	}
	// What screening finds or cannot read, the pixels settle.
	img, err := jpeg.Decode(&file)
	if err != nil {
		log.Fatal(err)
	}
	if r, err = pdq.FromImage(img); err != nil {
		log.Fatal(err)
	}
	fmt.Println("match:", r.Hash.Distance(known.Hash) <= pdq.MatchThreshold)
	// Output: match: true
}

func ExampleResult_Dihedral() {
	r, err := pdq.FromImage(rings(0))
	if err != nil {
		log.Fatal(err)
	}
	names := pdq.VariantNames()
	for i, h := range r.Dihedral() {
		if h.Distance(r.Hash) <= pdq.MatchThreshold {
			fmt.Println(names[i])
		}
	}
	// Output: original
}

func ExampleParseHash() {
	h, err := pdq.ParseHash("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22")
	if err != nil {
		log.Fatal(err)
	}
	var other pdq.Hash
	fmt.Println(h.Distance(other))
	// Output: 128
}
