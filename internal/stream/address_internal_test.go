package stream

import (
	"net/url"
	"testing"
)

// TestAddresses: where clouds serve credentials is refused both when an
// endpoint is made and when it is dialled, since a name may resolve to it.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"169.254.169.254":          false,
		"[fe80::1]":                false,
		"[::ffff:169.254.169.254]": false,
		"0.0.0.0":                  false,
		"[::]":                     false,
		"[fd00:ec2::254]":          false,
		"100.100.100.200":          false,
		"224.0.0.1":                false,
		"127.0.0.1":                true,
		"10.1.2.3":                 true,
		"203.0.113.9":              true,
		"[2001:db8::1]":            true,
	} {
		if got := refuseMetadata("tcp", host+":443", nil) == nil; got != want {
			t.Errorf("dialling %s: %t, want %t", host, got, want)
		}
		u, err := url.Parse("http://" + host + "/hook")
		if err != nil {
			t.Fatal(err)
		}
		if got := dialable(u); got != want {
			t.Errorf("an endpoint at %s: %t, want %t", host, got, want)
		}
	}
	for target, want := range map[string]bool{"http://x.test:99999/": false, "http://x.test:0/": false, "http://x.test:8443/": true, "http://x.test/": true} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := dialable(u); got != want {
			t.Errorf("%s: %t, want %t", target, got, want)
		}
	}
}
