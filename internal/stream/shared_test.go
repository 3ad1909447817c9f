package stream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/rowan-safety/rowan/internal/safety"
	"github.com/rowan-safety/rowan/internal/store"
	"github.com/rowan-safety/rowan/internal/store/db"
	"github.com/rowan-safety/rowan/internal/store/storetest"
	"github.com/rowan-safety/rowan/internal/stream"
)

// broker starts a server of its own, as an operator would.
func broker(t testing.TB, o server.Options) *server.Server {
	t.Helper()
	o.Host, o.JetStream, o.SyncAlways, o.NoSigs, o.NoLog, o.MaxPayload = "127.0.0.1", true, true, true, true, 2<<20
	if o.StoreDir == "" {
		o.StoreDir = t.TempDir()
	}
	if o.Port == 0 {
		o.Port = -1
	}
	srv, err := server.NewServer(&o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker did not start")
	}
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	return srv
}

func external(t testing.TB, url string) stream.EventsConfig {
	c := config(t)
	c.Dir, c.URL, c.Replicas, c.Partitions, c.Lease = "", url, 1, 8, time.Second
	return c
}

// TestAnswer_AcrossProcesses: a process that only receives events is answered by
// the one that applies them.
func TestAnswer_AcrossProcesses(t *testing.T) {
	t.Parallel()
	s, srv := storetest.Open(t), broker(t, server.Options{})
	door, worker := open(t, s, external(t, srv.ClientURL())), open(t, s, external(t, srv.ClientURL()))
	b := &book{fail: func(e stream.Envelope) error {
		if e.ID == "bad" {
			return safety.Errorf(safety.Invalid, "never")
		}
		return nil
	}}
	work(t, worker, b.apply)
	for id, want := range map[string]string{"1": "re 1", "bad": ""} {
		wait, cancel := door.Await(door.Key("test", id))
		publish(t, door, stream.Outgoing{Source: "test", ID: id, Conversation: "x", Body: []byte(id)})
		if a, err := wait(t.Context()); string(a) != want || (err == nil) != (want != "") {
			t.Errorf("%s is answered %q, %v", id, a, err)
		}
		cancel()
		again, cancel := door.Await(door.Key("test", id))
		if a, err := again(t.Context()); string(a) != want || (err == nil) != (want != "") {
			t.Errorf("%s is answered %q, %v, when asked later", id, a, err)
		}
		cancel()
	}
	ctx, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	wait, cancel := door.Await(door.Key("test", "never published"))
	defer cancel()
	if _, err := wait(ctx); err == nil {
		t.Error("an event that never was is answered")
	}
}

// TestBrokerRestarts: workers and publishers go on when the broker is back.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort(t)
	srv := broker(t, server.Options{StoreDir: dir, Port: port})
	e := open(t, storetest.Open(t), external(t, srv.ClientURL()))
	b := &book{}
	work(t, e, b.apply)
	publish(t, e, event(0))
	eventually(t, "applied", drained(e))
	srv.Shutdown()
	srv.WaitForShutdown()
	ctx, end := context.WithTimeout(t.Context(), 100*time.Millisecond)
	if _, err := e.Publish(ctx, []stream.Outgoing{event(1)}); safety.KindOf(err) != safety.Unavailable {
		t.Errorf("with the broker away: %v", err)
	}
	end()
	if _, err := e.Lag(t.Context()); safety.KindOf(err) != safety.Unavailable {
		t.Errorf("lag with the broker away: %v", err)
	}
	broker(t, server.Options{StoreDir: dir, Port: port})
	eventually(t, "published", func() bool { _, err := e.Publish(t.Context(), []stream.Outgoing{event(1)}); return err == nil })
	eventually(t, "applied", drained(e))
	if b.count("test/0") != 1 || b.count("test/1") != 1 {
		t.Errorf("applied: %v", b.seen)
	}
}

// TestShare: workers divide the partitions evenly and hand them over; each event
// is applied by one of them.
func TestShare(t *testing.T) {
	t.Parallel()
	url := os.Getenv(storetest.EnvPostgres)
	if url == "" {
		if os.Getenv(storetest.EnvRequire) != "" {
			t.Fatal("PostgreSQL must be tested here")
		}
		t.Skip("no PostgreSQL; scripts/with-postgres starts one")
	}
	d, srv := storetest.NewPostgres(t, url), broker(t, server.Options{})
	var events []*stream.Events
	var stops []func()
	b := &book{}
	join := func() {
		e := open(t, d.Open(t), external(t, srv.ClientURL()))
		events, stops = append(events, e), append(stops, work(t, e, b.apply))
	}
	shares := func(want ...int) func() bool {
		return func() bool {
			l, err := events[len(events)-1].Lag(t.Context())
			n := map[string]int{}
			for _, p := range l.Partitions {
				n[p.Owner]++
			}
			return err == nil && n[""] == 0 && fmt.Sprint(counts(n)) == fmt.Sprint(want)
		}
	}
	next := 0
	load := func() {
		for range 100 {
			publish(t, events[next%len(events)], event(next))
			next++
		}
	}
	join()
	eventually(t, "one has all", shares(8))
	load()
	join()
	load()
	eventually(t, "two share", shares(4, 4))
	join()
	load()
	eventually(t, "three share", shares(2, 3, 3))
	stops[0]()
	load()
	eventually(t, "two again", shares(4, 4))
	eventually(t, "applied", drained(events[2]))
	for i := range next {
		if n := b.count(fmt.Sprint("test/", i)); n != 1 {
			t.Errorf("event %d was applied %d times", i, n)
		}
	}
}

// counts are the values of a map, the smallest first.
func counts(n map[string]int) []int {
	var out []int
	for i := range 9 {
		for _, v := range n {
			if v == i {
				out = append(out, v)
			}
		}
	}
	return out
}

// TestFenced: what a worker has applied is not committed when another has taken
// its partition meanwhile.
func TestFenced(t *testing.T) {
	t.Parallel()
	url := os.Getenv(storetest.EnvPostgres)
	if url == "" {
		if os.Getenv(storetest.EnvRequire) != "" {
			t.Fatal("PostgreSQL must be tested here")
		}
		t.Skip("no PostgreSQL; scripts/with-postgres starts one")
	}
	d, srv := storetest.NewPostgres(t, url), broker(t, server.Options{})
	s, other := d.Open(t), d.Open(t)
	e := open(t, s, external(t, srv.ClientURL()))
	var once sync.Once
	var calls atomic.Int32
	work(t, e, func(ctx context.Context, tx *store.Tx, p int, batch []stream.Envelope) (map[string][]byte, error) {
		calls.Add(1)
		once.Do(func() {
			r, err := other.Read().StreamPartition(ctx, int64(p))
			if err != nil {
				t.Error(err)
			}
			if _, err := other.Read().ClaimPartition(ctx, db.ClaimPartitionParams{Partition: r.Partition, Owner: "another", Epoch: r.Epoch, Beat: r.Beat}); err != nil {
				t.Error(err)
			}
		})
		_, err := tx.UseQuota(ctx, "test", batch[0].ID)
		return nil, err
	})
	publish(t, e, event(1))
	eventually(t, "fenced", func() bool { return e.Counts().Fenced == 1 })
	if rows, err := other.Read().QuotasOfDay(t.Context(), "test"); err != nil || len(rows) != 0 {
		t.Errorf("committed all the same: %+v, %v", rows, err)
	}
	eventually(t, "applied after the other's lease", drained(e))
	rows, err := other.Read().QuotasOfDay(t.Context(), "test")
	if err != nil || len(rows) != 1 || rows[0].Used != 1 || calls.Load() != 2 {
		t.Errorf("%d calls, %+v, %v", calls.Load(), rows, err)
	}
}

// TestTLS: a broker that asks for a certificate, and is asked for its own.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ca, cert, key := certificates(t, dir)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	text, err := os.ReadFile(ca)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal("no authority")
	}
	srv := broker(t, server.Options{TLS: true, TLSVerify: true, TLSTimeout: 5, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}})
	c := external(t, "tls://"+srv.Addr().String())
	s := storetest.Open(t)
	if _, err := stream.OpenEvents(t.Context(), s, c, time.Now, discard); safety.KindOf(err) != safety.Unavailable {
		t.Errorf("without certificates: %v", err)
	}
	c.TLS = stream.EventsTLS{CA: ca, Cert: cert, Key: key}
	publish(t, open(t, s, c), event(1))
}

// certificates makes an authority and one certificate for client and server.
func certificates(t *testing.T, dir string) (ca, cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, b := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(b), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, cert, key
}
