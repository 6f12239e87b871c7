package matrixmedia

import (
	"bytes"
	"image"
	_ "image/gif"  // their headers
	_ "image/jpeg" // of which the size comes after what a camera writes
	_ "image/png"
)

// mediaHead is how much of a file is looked at. The size of a JPEG stands
// behind its EXIF data of at most 64 KB.
const mediaHead = 128 << 10

// imageSize returns width and height in pixels where head is the beginning of a
// PNG, JPEG or GIF; 0, 0 otherwise.
func imageSize(head []byte) (width, height int) {
	config, _, err := image.DecodeConfig(bytes.NewReader(head))
	if err != nil {
		return 0, 0
	}
	return config.Width, config.Height
}
