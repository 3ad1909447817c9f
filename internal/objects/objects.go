// Package objects reads buckets of services that speak S3.
//
// A [Client] promises little and keeps it: a listing either reaches its end or
// is an error; an object is read as the listing named it (its entity tag goes
// along as If-Match) or the reader learns that it has [ErrChanged]; a body that
// ends early is an error. What may pass by itself is tried again a few times
// within a call, so that an error of this package is worth telling.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Config says where the service is and who asks.
type Config struct {
	Endpoint  string // URL of the service; default https://s3.REGION.amazonaws.com
	Region    string // default us-east-1
	AccessKey string // both empty: without credentials
	SecretKey string
}

const (
	defaultRegion = "us-east-1"
	attempts      = 4    // of one request
	pageSize      = 1000 // keys, the most that services give
)

// Client asks one service. Its methods may be called from many goroutines.
type Client struct{ core minio.Core }

// New returns a client. It asks nothing yet.
func New(c Config) (*Client, error) {
	if c.Region == "" {
		c.Region = defaultRegion
	}
	if c.Endpoint == "" {
		c.Endpoint = "https://s3." + c.Region + ".amazonaws.com"
	}
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.Trim(u.Path, "/") != "" {
		return nil, errors.New("the endpoint of the object store is no http or https URL of a host")
	}
	if (c.AccessKey == "") != (c.SecretKey == "") {
		return nil, errors.New("the object store needs both keys or none")
	}
	creds := credentials.NewStaticV4(c.AccessKey, c.SecretKey, "")
	if c.AccessKey == "" {
		creds = credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: creds, Secure: u.Scheme == "https", Region: c.Region, MaxRetries: attempts})
	if err != nil {
		return nil, fmt.Errorf("object store: %w", err)
	}
	return &Client{minio.Core{Client: client}}, nil
}

// Scheme begins the URL of a bucket.
const Scheme = "s3://"

// ParseURL splits s3://BUCKET/PREFIX.
func ParseURL(text string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(text, Scheme)
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" {
		return "", "", errors.New("a bucket is named s3://BUCKET or s3://BUCKET/PREFIX")
	}
	return bucket, prefix, nil
}

// Object is one object as a listing names it.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	ETag     string // without quotes
}

// List calls fn with the objects of a bucket below a prefix, in order of their
// keys. It reads a page at a time. An error of fn ends it.
func (c *Client) List(ctx context.Context, bucket, prefix string, fn func(Object) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the goroutine that lists
	for o := range c.core.Client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, MaxKeys: pageSize}) {
		if o.Err != nil {
			return fmt.Errorf("listing the bucket: %w", plain(o.Err))
		}
		if err := fn(Object{o.Key, o.Size, o.LastModified, o.ETag}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ErrChanged says that an object is no longer the one that was listed: it was
// written again, or removed.
var ErrChanged = errors.New("the object has changed since it was listed")

// Open reads an object as it was listed. The reader fails when the body ends
// before the object's size.
func (c *Client) Open(ctx context.Context, bucket string, o Object) (io.ReadCloser, error) {
	var opts minio.GetObjectOptions
	if err := opts.SetMatchETag(o.ETag); err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	body, info, _, err := c.core.GetObject(ctx, bucket, o.Key, opts)
	if err != nil {
		return nil, fmt.Errorf("reading an object: %w", plain(err))
	}
	if info.Size != o.Size || info.ETag != o.ETag { // a service that does not honour If-Match
		return nil, errors.Join(ErrChanged, body.Close())
	}
	return &exactly{body: body, left: o.Size}, nil
}

// exactly reads so many bytes, and fails where there are fewer or more.
type exactly struct {
	body io.ReadCloser
	left int64
}

func (e *exactly) Read(b []byte) (int, error) {
	n, err := e.body.Read(b)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		return 0, errors.New("the object is longer than it was listed")
	case errors.Is(err, io.EOF) && e.left > 0:
		return n, io.ErrUnexpectedEOF
	}
	return n, err
}

func (e *exactly) Close() error { return e.body.Close() }

// plain gives an error of the service the words of this package. What the
// service wrote of keys and hosts is left out.
func plain(err error) error {
	r := minio.ToErrorResponse(err)
	switch {
	case r.StatusCode == http.StatusPreconditionFailed, r.Code == minio.NoSuchKey:
		return ErrChanged
	case r.Code != "":
		return fmt.Errorf("the object store answers %s (status %d)", r.Code, r.StatusCode)
	}
	return err
}
