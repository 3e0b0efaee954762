"""Golden token ids for internal/token: sentences and the ids that tokenizer.py gives them.

    python train/golden_tokens.py --tokenizer models/base --out internal/token/testdata/golden.json

The sentences are our own; the Go test encodes each and wants the same ids, and the same text back.
"""
import argparse
import json
from pathlib import Path

from tokenizer import Tokenizer

COMMAND = "python train/golden_tokens.py --tokenizer models/base --out internal/token/testdata/golden.json"
SENTENCES = [
    "Where is the station?", "Good morning!", "I don't think she'll be there before 9:45 a.m.",
    "The children's books weren't on the shelf, were they?", "It's 3.14159, not 22/7.",
    "Dr. Smith paid $1,234.56 for the painting.", "Open the file “settings.json” and set “theme” to ‘dark’.",
    "The well-known state-of-the-art method failed.", "He said: \"Wait -- what?\"", "E = mc², roughly.",
    "Send it to anna@example.com or see https://example.com/a?b=c&d=1.", "PROTEINS AND mRNA LEVELS WERE MEASURED.",
    "supercalifragilisticexpialidocious", "a", "I", "?", "...", "x", "42", "2026-11-24",
    "Wo ist der Bahnhof?", "Über den Dächern weht ein kühler Wind.", "Die Straße ist wegen Bauarbeiten gesperrt.",
    "Das Mädchen aß früh Äpfel, Öl und Übermut.", "»Kommst du morgen?«, fragte er.", "„Ja“, sagte sie leise.",
    "Am 3. Mai 1998 zogen wir z. B. nach Köln.", "Donaudampfschifffahrtsgesellschaftskapitän",
    "GROSSE STRAẞE", "Er hat's nicht gewusst.", "Das kostet 12,50 €.", "Rindfleischetikettierungsüberwachung",
    "Où est la gare ?", "L’été dernier, nous avons visité l’Alsace.", "Ça va, merci ; et toi ?",
    "« Qu’est-ce que c’est ? » demanda-t-elle.", "Le cœur a ses raisons.", "J'ai mangé une crème brûlée à Nîmes.",
    "Aujourd'hui, il n'y a pas d'œufs.", "Le garçon naïf fêta Noël à l’hôtel.", "Il est né le 1er août 1905.",
    "Emoji: 😀 and 👩‍👩‍👧‍👦 and 🇩🇪 flags.", "👍🏽", "I ❤️ Paris", "日本語のテキスト", "中文字符，标点。", "한국어 문장입니다.",
    "Привет, мир!", "Καλημέρα κόσμε", "שלום עולם", "مرحبا بالعالم", "हिन्दी में पाठ",
    "cafe\u0301 nai\u0308ve A\u030angstro\u0308m", "q\u0323\u0307 and q\u0307\u0323 are the same", "x\u0335\u0301y",
    "no\u00a0break\u00a0space\u202fnarrow", "tab\tand\nnew line\r\nhere", "  outer   spaces  ", "zero\u200bwidth\ufeffmark",
    "soft\u00adhyphen", "bell\u0007and\u0000null", "\u2028line\u2029paragraph\u3000ideographic",
    "ﬁne ligature and ½ fraction and Ⅷ", "½¼¾ ①②③", "١٢٣ ४५६", "''''' \"\"\" ```", "rock 'n' roll ’til the 1990’s",
    "a_b_c __init__ $x = f(y);", "<b>bold</b> & <i>it</i>", "100% of 5°C ±2 µm ≤ 3×10⁻⁴", "\u0301starts with a mark", "",
    " \t\n\u00a0 ", "\U0001d54f\U0001d550 𝕄𝕒𝕥𝕙", "가\u1100\u1161", "Ω \u2126 K \u212a",
]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tokenizer", type=Path, required=True, help="folder of tokenizer.tiktoken")
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    tok = Tokenizer(a.tokenizer)
    cases = []
    for text in SENTENCES:
        ids = tok.encode(text)
        cases.append({"text": text, "ids": ids, "decoded": tok.decode(ids)})
    rows = ",\n".join("    " + json.dumps(c) for c in cases)
    a.out.write_text(f'{{\n  "command": {json.dumps(COMMAND)},\n  "cases": [\n{rows}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
