// Package exchanges holds stand-ins for the closed services that share lists:
// NCMEC Hash Sharing, StopNCII, ThreatExchange, Tech Against Terrorism, Arachnid
// Shield (which answers questions about hashes), and a
// plain server of list files. They are NOT those services, serve made-up entries
// only, and say so in the header "X-Rowan-Standin: true".
//
// They are strict: a request without the right credentials, with a parameter
// that the service does not have, or with a page token that was not issued for
// this very question is refused and noted ([Server.Violations]). They share no
// code with the clients. What is not public about the services was decided here
// and is unverified: the page sizes, the order of entries (NCMEC's is arbitrary,
// the others' is by time), the wording of errors.
//
// [Server.Arm] makes one request go wrong in a chosen way; see [Fault].
package exchanges
