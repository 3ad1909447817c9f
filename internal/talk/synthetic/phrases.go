package synthetic

import "github.com/rowan-safety/rowan/internal/talk"

// said are ways to say what an indicator stands for; indexed as languages are.
type said map[talk.Language][]string

const (
	en = talk.English
	es = talk.Spanish
	de = talk.German
)

var slots = map[talk.Indicator]said{
	talk.AsksAge: {
		en: {"how old are you", "so what grade are you in", "when were you born", "how old r u", "what year are you in at school"},
		es: {"cuántos años tienes", "qué edad tienes", "en qué curso estás"},
		de: {"wie alt bist du", "in welche Klasse gehst du", "wann bist du geboren"}},
	talk.AsksPlace: {
		en: {"what school do you go to", "where do you live", "which town are you in", "what city are you in"},
		es: {"a qué colegio vas", "dónde vives", "en qué ciudad vives"},
		de: {"auf welche Schule gehst du", "wo wohnst du", "in welcher Stadt wohnst du"}},
	talk.AsksWhoIsNear: {
		en: {"are you home alone", "are your parents around", "do your parents check your phone", "is anyone with you"},
		es: {"estás sola en casa", "están tus padres en casa", "tus padres revisan tu teléfono"},
		de: {"bist du allein zuhause", "sind deine Eltern da", "kontrollieren deine Eltern dein Handy"}},
	talk.AsksSecrecy: {
		en: {"don't tell anyone", "keep this between us", "please delete this chat", "nobody needs to know", "don't tell your parents"},
		es: {"no se lo digas a nadie", "que quede entre nosotros", "borra este chat"},
		de: {"sag es niemandem", "das bleibt unter uns", "lösch den Chat"}},
	talk.Flatters: {
		en: {"you are so mature for your age", "you're not like the others", "only you understand me"},
		es: {"eres muy madura para tu edad", "no eres como los demás", "solo tú me entiendes"},
		de: {"du bist so reif für dein Alter", "du bist anders als die anderen", "nur du verstehst mich"}},
	talk.OffersGift: {
		en: {"i can give you coins", "i will send you a gift card", "i can buy you the new skin", "i have a job for you"},
		es: {"te doy monedas", "te puedo comprar la skin nueva", "tengo un regalo para ti"},
		de: {"ich kaufe dir die neue Skin", "ich schenke dir Münzen", "ich habe ein Geschenk für dich"}},
	talk.Undermines: {
		en: {"your parents don't understand you", "your friends don't care about you", "they won't understand", "you can only trust me"},
		es: {"tus padres no te entienden", "nadie te va a creer", "no los necesitas"},
		de: {"deine Eltern verstehen dich nicht", "niemand wird dir glauben", "nur mir kannst du vertrauen"}},
	talk.AsksMoveApp: {
		en: {"let's talk on another app", "do you have AppX", "add me on AppX", "what's your number"},
		es: {"hablamos por otra aplicación", "agrégame en AppX", "pásame tu número"},
		de: {"wollen wir woanders schreiben", "schreib mir auf AppX", "gib mir deine Nummer"}},
	talk.ProposesMeeting: {
		en: {"can we meet at the mall", "i can pick you up", "do you want to meet up on saturday", "meet me after school"},
		es: {"podemos vernos en el centro", "paso a recogerte", "quieres quedar el sábado"},
		de: {"können wir uns treffen", "ich hole dich ab", "wollen wir uns treffen am Samstag"}},
	talk.AsksPicture: {
		en: {"send me a picture of your drawing", "send a selfie", "turn on your camera", "show me your room"},
		es: {"mándame una foto de tu dibujo", "enciende la cámara", "enséñame tu cuarto"},
		de: {"schick mir ein Bild von deiner Zeichnung", "mach die Kamera an", "zeig mir dein Zimmer"}},
	talk.Threatens: {
		en: {"i will send this to all your friends", "i will post it everywhere", "i have screenshots of everything", "i will show everyone"},
		es: {"se lo mando a todos", "lo voy a publicar", "tengo capturas de todo"},
		de: {"ich schicke es allen", "ich poste es überall", "deine Freunde werden es sehen"}},
	talk.DemandsMoney: {
		en: {"send me a gift card", "you have to pay me", "send the code", "send me money"},
		es: {"mándame dinero", "tienes que pagar", "compra una tarjeta regalo"},
		de: {"schick mir Geld", "du musst zahlen", "kauf eine Geschenkkarte"}},
	talk.NamesContacts: {
		en: {"i have your friend list", "i know who your friends are", "i found your family"},
		es: {"tengo tu lista de amigos", "sé quiénes son tus amigos", "encontré a tu familia"},
		de: {"ich habe deine Freundesliste", "ich weiß wer deine Freunde sind", "ich habe deine Familie gefunden"}},
	talk.Distress: {
		en: {"no, please stop", "i don't want to", "leave me alone", "you are scaring me"},
		es: {"por favor para", "no quiero", "déjame en paz"},
		de: {"bitte hör auf", "ich will nicht", "lass mich in Ruhe"}},
}

// filler is ordinary talk. {name} is somebody's name, {pal} a form of address.
var filler = said{
	en: {"did you see the new map", "the boats are so fast now", "i have maths homework to do", "what do you think of the update",
		"it is raining here", "{name} scored twice today", "my dog is sleeping on the sofa", "lunch was good", "haha yes", "that was close",
		"ok {pal}", "i will be back after dinner", "{name} told me about the film", "do you like the music in this level", "we lost the match",
		"the teacher was nice today", "i am tired of this boss", "have you tried the new bridge", "good morning", "see you {pal}"},
	es: {"viste el mapa nuevo", "los barcos son muy rápidos", "tengo deberes de mates", "qué piensas de la actualización",
		"está lloviendo aquí", "{name} marcó dos goles", "mi perro duerme en el sofá", "la comida estuvo bien", "jaja sí", "casi casi",
		"vale {pal}", "vuelvo después de cenar", "{name} me contó la película", "te gusta la música de este nivel", "perdimos el partido"},
	de: {"hast du die neue Karte gesehen", "die Boote sind so schnell", "ich habe noch Mathe", "was denkst du über das Update",
		"es regnet hier", "{name} hat zwei Tore gemacht", "mein Hund schläft auf dem Sofa", "das Essen war gut", "haha ja", "das war knapp",
		"ok {pal}", "ich bin nach dem Essen wieder da", "{name} hat mir den Film erzählt", "magst du die Musik in dem Level", "wir haben verloren"},
}

// Names and Pals are what names and forms of address are drawn from; tests swap
// them to see that they change nothing.
var (
	Names = []string{"Alex", "Sam", "Kim", "Robin"}
	Pals  = []string{"mate", "friend", "buddy"}
)

// ownAge is how people say how old they are.
var ownAge = said{
	en: {"i am {n}", "i'm {n} years old", "im {n}"},
	es: {"tengo {n} años", "yo tengo {n}"},
	de: {"ich bin {n}", "ich bin {n} Jahre alt"},
}

var lead = said{
	en: {"", "hey ", "so ", "by the way ", "ok "},
	es: {"", "oye ", "bueno ", "por cierto "},
	de: {"", "hey ", "also ", "übrigens "},
}
