package talk

// FactKind is a kind of thing that a message can mention.
type FactKind uint8

// The kinds of fact.
const (
	OwnAge  FactKind = iota + 1 // "I am 14", "14f": Value is the age
	Amount                      // Value in hundredths, Name is the currency
	Payment                     // a way to pay: Name says which sort
	App                         // another service: Name says which
	Handle                      // a name to be found under; the name is not kept
	Link                        // an address of the web; it is not kept
	Phone                       // 7 to 15 digits; they are not kept, Value is how many
	Place                       // Name is a sort of place, such as "school"
	Hour                        // a time of day: Value in minutes, or -1 for words such as "tonight"
)

// Fact is one thing mentioned. Name is always from a closed list of this package,
// never text of the message.
type Fact struct {
	Kind     FactKind
	Value    int64
	Name     string
	From, To int // bytes of the message
}

// maxFacts bounds what one message yields.
const maxFacts = 32

type meaning struct {
	kind FactKind // 0 for the kinds below
	name string
	n    int64
	unit bool // a unit that makes a number something else than an age
	year bool // "years old": makes a number an age
	self bool // "am", "tengo", "bin": a number after it may be an age
}

// meanings are the words that extractors know, in plain form.
var meanings = func() map[string]meaning {
	m := map[string]meaning{}
	put := func(v meaning, words ...string) {
		for _, w := range words {
			m[Normalise(w).Plain()] = v
		}
	}
	for _, list := range [][]string{
		{"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"},
		{"cero", "", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "once", "doce", "trece", "catorce", "quince", "dieciséis", "diecisiete", "dieciocho", "diecinueve", "veinte"},
		{"null", "", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zehn", "elf", "zwölf", "dreizehn", "vierzehn", "fünfzehn", "sechzehn", "siebzehn", "achtzehn", "neunzehn", "zwanzig"},
	} {
		for n, w := range list {
			if w != "" {
				put(meaning{n: int64(n) + 1}, w) // one more, so that nought is not "none"
			}
		}
	}
	put(meaning{self: true}, "im", "i'm", "i’m", "am", "tengo", "bin")
	put(meaning{year: true}, "years", "yrs", "yo", "y/o", "yr", "años", "jahre", "jährig")
	put(meaning{unit: true}, "minutes", "minute", "min", "mins", "hours", "hour", "h", "days", "weeks", "km", "m", "cm",
		"percent", "%", "times", "points", "minutos", "horas", "días", "minuten", "stunden", "tage", "uhr", "pages", "levels", "goals", "players")
	for name, words := range map[string][]string{
		"EUR": {"€", "eur", "euro", "euros"}, "USD": {"$", "usd", "dollar", "dollars", "dólares", "bucks"},
		"GBP": {"£", "gbp", "pounds", "quid"}, "coins": {"coins", "robux", "vbucks", "v-bucks", "gems", "monedas", "münzen"},
	} {
		put(meaning{kind: Amount, name: name}, words...)
	}
	for name, words := range map[string][]string{
		"gift_card":   {"giftcard", "giftcards", "gift-card", "geschenkkarte", "geschenkkarten", "gutscheinkarte"},
		"transfer":    {"paypal", "cashapp", "venmo", "zelle", "bizum", "revolut", "applepay", "überweisung", "transferencia"},
		"crypto":      {"bitcoin", "btc", "crypto", "usdt", "ethereum", "krypto"},
		"game_credit": {"steamcard", "robuxcard"},
	} {
		put(meaning{kind: Payment, name: name}, words...)
	}
	for name, words := range map[string][]string{
		"appx": {"appx"}, "snapchat": {"snap", "snapchat"}, "instagram": {"insta", "instagram", "ig"},
		"whatsapp": {"whatsapp", "wapp", "wsp"}, "telegram": {"telegram", "tele"}, "discord": {"discord", "disc"},
		"signal": {"signal"}, "kik": {"kik"}, "skype": {"skype"}, "tiktok": {"tiktok"}, "wickr": {"wickr"},
	} {
		put(meaning{kind: App, name: name}, words...)
	}
	for name, words := range map[string][]string{
		"school": {"school", "colegio", "escuela", "schule"}, "home": {"home", "house", "casa", "zuhause", "haus"},
		"mall": {"mall", "shopping", "einkaufszentrum"}, "park": {"park", "parque", "spielplatz", "playground"},
		"station": {"station", "estación", "bahnhof", "busstop"}, "hotel": {"hotel", "hostel"},
	} {
		put(meaning{kind: Place, name: name}, words...)
	}
	put(meaning{kind: Hour, name: "word"}, "tonight", "tomorrow", "today", "heute", "morgen", "mañana", "hoy", "midnight", "noon")
	return m
}()

// word is a piece of the plain view between spaces, without the marks around it.
type word struct {
	from, to int // runes of the plain view
	m        meaning
	n        int64 // a number in digits, -1 for none
	tail     rune  // the one letter after digits: 14f
}

// extract finds facts, in one pass with one word of memory on each side.
func (r *Reader) extract() {
	rs := r.text.plain.r
	var before, prev word
	prev.n, before.n = -1, -1
	for i := 0; i < len(rs) && len(r.reading.Facts) < maxFacts; {
		if rs[i] == ' ' {
			i++
			continue
		}
		end := i
		for end < len(rs) && rs[end] != ' ' {
			end++
		}
		if from, ok := r.phone(i); ok {
			i = from
			before, prev = prev, word{n: -1}
			continue
		}
		w := r.word(i, end)
		r.facts(before, prev, w, end)
		before, prev = prev, w
		i = end
	}
}

func (r *Reader) fact(k FactKind, value int64, name string, from, to int) {
	p := &r.text.plain
	end := r.text.bytes
	if to < len(p.at) {
		end = int(p.at[to])
	}
	r.reading.Facts = append(r.reading.Facts, Fact{k, value, name, int(p.at[from]), end})
}

// word reads the piece from i to end.
func (r *Reader) word(i, end int) word {
	rs := r.text.plain.r
	for i < end && !alnum(rs[i]) && rs[i] != '@' && rs[i] != '$' && rs[i] != '€' && rs[i] != '£' {
		i++
	}
	for end > i && !alnum(rs[end-1]) && rs[end-1] != '%' && rs[end-1] != '$' && rs[end-1] != '€' && rs[end-1] != '£' {
		end--
	}
	w := word{from: i, to: end, n: -1}
	var buf [32]byte
	b, digits, n := buf[:0], 0, int64(0)
	for _, c := range rs[i:end] {
		if len(b) > len(buf)-4 {
			b = b[:0]
			break
		}
		b = appendRune(b, c)
		if '0' <= c && c <= '9' && digits == len(b)-1 && digits < 9 {
			digits, n = digits+1, n*10+int64(c-'0')
		}
	}
	w.m = meanings[string(b)]
	switch {
	case len(b) == 0:
	case digits == len(b):
		w.n = n
	case digits > 0 && digits == len(b)-1 && (b[digits] == 'f' || b[digits] == 'm' || b[digits] == 'w'):
		w.n, w.tail = n, rune(b[digits])
	case digits > 0 && string(b[digits:]) == "yo":
		w.n, w.tail = n, 'y'
	case w.m.n > 0:
		w.n = w.m.n - 1
	}
	return w
}

func appendRune(b []byte, r rune) []byte {
	if r < 0x80 {
		return append(b, byte(r))
	}
	return append(b, string(r)...)
}

// facts says what w is, next to the two words before it; after is where w ends.
func (r *Reader) facts(before, prev, w word, after int) {
	rs := r.text.plain.r
	switch {
	case r.link(w):
		r.fact(Link, 0, "", w.from, w.to)
	case w.to-w.from > 2 && rs[w.from] == '@' || r.tagged(w):
		r.fact(Handle, 0, "", w.from, w.to)
	case r.clock(w):
	case r.money(w):
	case w.n >= 0 && age(w.n) && (w.tail != 0 || prev.m.self && !r.unitAfter(after)):
		r.fact(OwnAge, w.n, "", w.from, w.to)
	case w.m.year && age(prev.n) && prev.tail == 0 && !before.m.self && r.oldAfter(w, after):
		r.fact(OwnAge, prev.n, "", prev.from, w.to)
	case w.m.kind == Amount && prev.n >= 0 && prev.tail == 0:
		r.fact(Amount, prev.n*100, w.m.name, prev.from, w.to)
	case w.m.kind == App || w.m.kind == Place || w.m.kind == Payment:
		r.fact(w.m.kind, 0, w.m.name, w.from, w.to)
	case w.m.kind == Hour:
		r.fact(Hour, -1, "", w.from, w.to)
	case r.is(prev, "gift") && (r.is(w, "card") || r.is(w, "cards")) || r.is(prev, "tarjeta") && r.is(w, "regalo"):
		r.fact(Payment, 0, "gift_card", prev.from, w.to)
	}
}

// age is the range in which a number may be somebody's age.
func age(n int64) bool { return n >= 6 && n <= 99 }

func (r *Reader) is(w word, s string) bool {
	return w.to-w.from == len(s) && string(r.text.plain.r[w.from:w.to]) == s
}

// peek is the word after rune i.
func (r *Reader) peek(i int) word {
	rs := r.text.plain.r
	for i < len(rs) && rs[i] == ' ' {
		i++
	}
	end := i
	for end < len(rs) && rs[end] != ' ' {
		end++
	}
	return r.word(i, end)
}

func (r *Reader) unitAfter(i int) bool {
	w := r.peek(i)
	return w.m.unit || w.m.kind == Amount
}

// oldAfter keeps "14 years old" and "14 yo", and leaves "14 years ago".
func (r *Reader) oldAfter(w word, after int) bool {
	return !r.is(w, "years") && !r.is(w, "yrs") || r.is(r.peek(after), "old")
}

func (r *Reader) link(w word) bool {
	rs := r.text.plain.r[w.from:w.to]
	has := func(p string) bool { return len(rs) > len(p) && string(rs[:len(p)]) == p }
	return has("http://") || has("https://") || has("www.") || has("hxxp")
}

// tagged is a name with four digits after a number sign.
func (r *Reader) tagged(w word) bool {
	rs := r.text.plain.r[w.from:w.to]
	n := len(rs)
	if n < 7 || rs[n-5] != '#' {
		return false
	}
	for _, c := range rs[n-4:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// clock reads 17:30, 5pm and 17h.
func (r *Reader) clock(w word) bool {
	rs := r.text.plain.r[w.from:w.to]
	h, m, i := int64(0), int64(0), 0
	for ; i < len(rs) && i < 2 && '0' <= rs[i] && rs[i] <= '9'; i++ {
		h = h*10 + int64(rs[i]-'0')
	}
	if i == 0 || i == len(rs) {
		return false
	}
	rest := rs[i:]
	if rest[0] == ':' && len(rest) >= 3 && digit(rest[1]) && digit(rest[2]) {
		m = int64(rest[1]-'0')*10 + int64(rest[2]-'0')
		rest = rest[3:]
	} else if len(rest) != 2 {
		return false
	}
	if len(rest) == 2 && rest[1] == 'm' && (rest[0] == 'p' || rest[0] == 'a') {
		if rest[0] == 'p' && h < 12 {
			h += 12
		}
	} else if len(rest) > 0 {
		return false
	}
	if h > 23 || m > 59 {
		return false
	}
	r.fact(Hour, h*60+m, "", w.from, w.to)
	return true
}

func digit(r rune) bool { return '0' <= r && r <= '9' }

// money reads amounts with the sign of a currency in front or behind.
func (r *Reader) money(w word) bool {
	rs := r.text.plain.r[w.from:w.to]
	if len(rs) < 2 {
		return false
	}
	sign, digits := rs[0], rs[1:]
	if digit(sign) {
		sign, digits = rs[len(rs)-1], rs[:len(rs)-1]
	}
	var name string
	switch sign {
	case '$':
		name = "USD"
	case '€':
		name = "EUR"
	case '£':
		name = "GBP"
	default:
		return false
	}
	n, decimals := int64(0), -1
	for _, c := range digits {
		switch {
		case digit(c) && n < 1e12 && decimals < 2:
			n = n*10 + int64(c-'0')
			if decimals >= 0 {
				decimals++
			}
		case (c == '.' || c == ',') && decimals < 0 && n > 0:
			decimals = 0
		default:
			return false
		}
	}
	for decimals = max(decimals, 0); decimals < 2; decimals++ {
		n *= 10
	}
	r.fact(Amount, n, name, w.from, w.to)
	return true
}

// phone reads a number of 7 to 15 digits, with single signs between them, that
// begins at rune i; it returns the rune after it.
func (r *Reader) phone(i int) (int, bool) {
	rs := r.text.plain.r
	if !digit(rs[i]) && rs[i] != '+' && rs[i] != '(' {
		return 0, false
	}
	n, last, j := 0, i, i
	for ; j < len(rs) && n <= 15; j++ {
		c := rs[j]
		if digit(c) {
			n++
			last = j + 1
			continue
		}
		if c != ' ' && c != '-' && c != '.' && c != '/' && c != '(' && c != ')' && c != '+' || j-last > 1 {
			break
		}
	}
	if n < 7 || n > 15 || last < len(rs) && alnum(rs[last]) {
		return 0, false
	}
	r.fact(Phone, int64(n), "", i, last)
	return last, true
}
