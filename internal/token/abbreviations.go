package token

import "strings"

func set(words string) map[string]bool {
	s := map[string]bool{}
	for _, w := range strings.Fields(words) {
		s[w] = true
	}
	return s
}

// titles are abbreviations, lower case and without the last full stop, that
// stand before what they belong to and so never end a sentence.
var titles = set(`
	mr mrs ms dr drs prof messrs e.g i.e viz vs cf approx ca
	hr hrn fr frl s.o s.u vgl bzw z.b d.h u.a u.ä o.ä i.d.r z.t z.zt sog evtl ggf inkl exkl zzgl ehem allg bspw dipl dipl.-ing
	m mm mme mmes mlle mlles mgr p.ex ste`)

// numbered are abbreviations, written the same way, that go on with a number.
var numbered = set(`
	no nos nr fig figs eq eqs vol vols pp ch sec abs art bd bde kap abb tab aufl str chap fasc op p s vers v`)

// endings are abbreviations, written the same way, that may end a sentence.
var endings = set(`
	etc usw usf uvm inc ltd corp co bros jr sr esq ph.d m.d b.a m.a d.c a.m p.m dept univ ave blvd rd st ed eds al resp
	rev hon gen col lt sgt capt cmdr maj brig adm gov sen rep pres mt ft feb aug sept oct nov dec dez okt janv févr juil déc
	gmbh mio mrd tsd std chr n.chr v.chr geb gest ing med phil hl
	cie j.-c tél réf av apr boul bld env éd`)

// starters are words that carry a capital only where a sentence starts. They
// tell the end of "at 5 p.m. The" from the inside of "U.S. Senate".
var starters = set(`
	The A An This That These Those There He She It We They You I His Her Its Our Their My And But Or So If When While As
	In On At For From With After Before What Who Why How Where Then However No Not Yes
	Der Die Das Den Dem Ein Eine Einen Er Sie Es Wir Ihr Ich Und Aber Oder Wenn Als Da Dann Dies Diese Dieser Dieses Im Am
	Auf Nach Vor Für Mit Bei Was Wer Wie Warum Wo Nicht Ja Nein Man Auch Doch
	Le La Les L' L’ Un Une Il Elle On Nous Vous Ils Elles Je J' J’ Ce Cette Ces C' C’ Et Mais Ou Si Dans Sur Pour Avec Après
	Avant Que Qui Quand Comment Pourquoi Où Oui Non`)

// months follow a day's ordinal number in German.
var months = set(`Januar Jänner Februar März April Mai Juni Juli August September Oktober November Dezember`)

// germanDeterminers, lower case, stand before an ordinal number.
var germanDeterminers = set(`
	der die das den dem des im am vom zum zur beim ins ein eine einen einem einer jeder jede jedes jeden
	mein meine meinen meinem dein sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer unser unsere unseren euer
	dieser diese dieses diesen diesem bis ab seit und nach vor`)
