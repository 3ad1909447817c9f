package talk

// confusable maps letters of other scripts to the Latin letters that they look like.
// It is a short list of our own of the letters in common use for this, not the whole
// of Unicode's confusables.txt (UTS #39), which is long and holds many that nobody
// can type. All keys are lower case: words are folded before.
var confusable = pairs(
	// Cyrillic
	"аaвbсcеeһhіiјjкkмmнhоoрpсcтtуyхxѕsԁdԛqԝwгrпnьbзeөoүy",
	// Greek
	"αaβbεeηnιiκkνvοoρpτtυuχxγyωwσoϲcϳj",
	// Armenian, Cherokee in lower case, Hebrew and Arabic signs that pass for Latin ones
	"օoսuոnհhցgաwքf",
)

func pairs(lists ...string) map[rune]rune {
	m := map[rune]rune{}
	for _, l := range lists {
		rs := []rune(l)
		for i := 0; i+1 < len(rs); i += 2 {
			m[rs[i]] = rs[i+1]
		}
	}
	return m
}

// latinFolds are Latin letters that do not come apart by themselves.
var latinFolds = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'đ': "d", 'ł': "l", 'ħ': "h", 'ŧ': "t",
	'þ': "th", 'ð': "d", 'ı': "i", 'ȷ': "j", 'ŋ': "n", 'ɡ': "g", 'ɑ': "a", 'ɩ': "i",
	// small capitals
	'ᴀ': "a", 'ʙ': "b", 'ᴄ': "c", 'ᴅ': "d", 'ᴇ': "e", 'ꜰ': "f", 'ɢ': "g", 'ʜ': "h", 'ɪ': "i",
	'ᴊ': "j", 'ᴋ': "k", 'ʟ': "l", 'ᴍ': "m", 'ɴ': "n", 'ᴏ': "o", 'ᴘ': "p", 'ꞯ': "q", 'ʀ': "r",
	'ꜱ': "s", 'ᴛ': "t", 'ᴜ': "u", 'ᴠ': "v", 'ᴡ': "w", 'ʏ': "y", 'ᴢ': "z",
}

// symbolLetter reads pictures of letters that NFKC leaves alone: letters in dark
// squares and circles, and the letters that flags are made of.
func symbolLetter(r rune) (rune, bool) {
	for _, first := range []rune{0x1F150, 0x1F170, 0x1F1E6} {
		if r >= first && r < first+26 {
			return 'a' + r - first, true
		}
	}
	return 0, false
}
