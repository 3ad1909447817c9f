package cybertip

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Flag is an element that says yes by being there (xs:boolean fixed="true"):
// reportAnnotations and fileAnnotations are made of them. True is written as
// an empty element; false is not written at all, because the schema has no way
// to say no.
type Flag bool

// MarshalXML writes an empty element for true and nothing for false.
func (f Flag) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if !f {
		return nil
	}
	return e.EncodeElement("", start)
}

// UnmarshalXML accepts an empty element and the text "true". The text "false"
// is an error, as it is in the schema.
func (f *Flag) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	var text string
	if err := d.DecodeElement(&text, &start); err != nil {
		return fmt.Errorf("cybertip: flag %s: %w", start.Name.Local, err)
	}
	if t := strings.TrimSpace(text); t != "" && t != "true" {
		return fmt.Errorf("cybertip: flag %s: %w", start.Name.Local, errFlag)
	}
	*f = true
	return nil
}

var errFlag = errors.New(`must be empty or "true"; leave it out to say no`)

// timeLayout is RFC 3339 in whole seconds. The documentation asks for ISO 8601
// with an offset; its examples have no fractions, so we send none. A fraction
// is cut, never rounded up, so that a past time stays past.
const timeLayout = "2006-01-02T15:04:05Z07:00"

// maxOffset is the largest offset that xs:dateTime permits, in seconds.
const maxOffset = 14 * 60 * 60

// Time is an instant that prints as RFC 3339 with its offset, in whole
// seconds: "2026-10-15T09:00:00+01:00". An offset that the schema cannot
// express (not in whole minutes, or over 14 hours) prints as UTC.
type Time struct{ time.Time }

// At returns a pointer to t as a [Time], for the optional fields.
func At(t time.Time) *Time { return &Time{t} }

// Equal reports whether t and u print as the same instant.
func (t Time) Equal(u Time) bool { return t.Unix() == u.Unix() }

func (t Time) String() string { return t.printable().Format(timeLayout) }

func (t Time) printable() time.Time {
	if _, off := t.Zone(); off%60 != 0 || off > maxOffset || off < -maxOffset {
		return t.UTC()
	}
	return t.Time
}

// MarshalText prints t. Years outside 1..9999 are an error.
func (t Time) MarshalText() ([]byte, error) {
	p := t.printable()
	if p.Year() < 1 || p.Year() > 9999 {
		return nil, errors.New("cybertip: time: year out of range")
	}
	return p.AppendFormat(nil, timeLayout), nil
}

// UnmarshalText parses RFC 3339, with or without a fraction. A time without an
// offset is refused: it does not name an instant.
func (t *Time) UnmarshalText(b []byte) error {
	p, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(b)))
	if err != nil {
		return errors.New("cybertip: time: not RFC 3339 with an offset")
	}
	t.Time = p
	return nil
}

// Date is a calendar day without a time, as in dateOfBirth: "2011-02-28".
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) midnight() time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// Valid reports whether d is a day of the calendar in the years 1..9999.
func (d Date) Valid() bool {
	y, m, day := d.midnight().Date()
	return d.Year >= 1 && d.Year <= 9999 && y == d.Year && m == d.Month && day == d.Day
}

func (d Date) String() string {
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day)
}

// MarshalText prints d as YYYY-MM-DD. A day that does not exist is an error.
func (d Date) MarshalText() ([]byte, error) {
	if !d.Valid() {
		return nil, errors.New("cybertip: date: no such day")
	}
	return []byte(d.String()), nil
}

// UnmarshalText parses YYYY-MM-DD.
func (d *Date) UnmarshalText(b []byte) error {
	p, err := time.Parse(time.DateOnly, strings.TrimSpace(string(b)))
	if err != nil {
		return errors.New("cybertip: date: not YYYY-MM-DD")
	}
	d.Year, d.Month, d.Day = p.Date()
	return nil
}
