package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// Bucket is one bucket, below a prefix, for reading and writing small objects.
type Bucket struct {
	client *Client
	bucket string
	prefix string
}

// Bucket returns the bucket of a URL s3://BUCKET/PREFIX.
func (c *Client) Bucket(url string) (*Bucket, error) {
	bucket, prefix, err := ParseURL(url)
	if err != nil {
		return nil, err
	}
	if prefix != "" && prefix[len(prefix)-1] != '/' {
		prefix += "/"
	}
	return &Bucket{c, bucket, prefix}, nil
}

// ErrAbsent says that there is no such object.
var ErrAbsent = errors.New("there is no such object")

// Get reads an object of at most so many bytes, and its entity tag.
func (b *Bucket) Get(ctx context.Context, key string, most int64) (data []byte, etag string, err error) {
	body, info, _, err := b.client.core.GetObject(ctx, b.bucket, b.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		if minio.ToErrorResponse(err).Code == minio.NoSuchKey {
			return nil, "", ErrAbsent
		}
		return nil, "", fmt.Errorf("reading an object: %w", plain(err))
	}
	defer func() { _ = body.Close() }()
	if info.Size > most {
		return nil, "", fmt.Errorf("the object is over %d bytes", most)
	}
	data, err = io.ReadAll(&exactly{body: body, left: info.Size})
	if err != nil {
		return nil, "", fmt.Errorf("reading an object: %w", err)
	}
	return data, info.ETag, nil
}

// Create writes an object that is not there yet; it is [ErrChanged] if it is.
func (b *Bucket) Create(ctx context.Context, key string, data []byte) (etag string, err error) {
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	return b.put(ctx, key, data, o)
}

// Replace writes an object in place of the one with an entity tag; it is
// [ErrChanged] if that is no longer there.
func (b *Bucket) Replace(ctx context.Context, key string, data []byte, etag string) (string, error) {
	var o minio.PutObjectOptions
	o.SetMatchETag(etag)
	return b.put(ctx, key, data, o)
}

func (b *Bucket) put(ctx context.Context, key string, data []byte, o minio.PutObjectOptions) (string, error) {
	o.DisableMultipart = true
	o.ContentType = "application/octet-stream"
	info, err := b.client.core.Client.PutObject(ctx, b.bucket, b.prefix+key, bytes.NewReader(data), int64(len(data)), o)
	if err != nil {
		return "", fmt.Errorf("writing an object: %w", plain(err))
	}
	return info.ETag, nil
}

// Remove removes an object; that it is not there is no error.
func (b *Bucket) Remove(ctx context.Context, key string) error {
	if err := b.client.core.Client.RemoveObject(ctx, b.bucket, b.prefix+key, minio.RemoveObjectOptions{}); err != nil {
		return fmt.Errorf("removing an object: %w", plain(err))
	}
	return nil
}
