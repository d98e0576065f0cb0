"""Make Widelimit Sans: the glyphs a figure needs, from Noto Sans and Noto Sans Math.

    python3 subset.py NotoSans-Regular.ttf NotoSansMath-Regular.ttf NotoSans-Italic.ttf

They come from Debian's package fonts-noto-core (SIL Open Font License 1.1, no reserved name); needs
`pip install fonttools brotli`. Writes WidelimitSans-Regular.ttf (compiled in: measuring, PNG, PDF) and
WidelimitSans-Regular.woff2 (the same font, embedded in every SVG), and with the same names but Italic the letters of
variables. Kerning and mark positioning are kept.
"""

import os
import sys
import tempfile

from fontTools import merge, subset
from fontTools.ttLib import TTFont


def between(first, last):
    return set(range(first, last + 1))


LATIN = between(0x20, 0x7E) | between(0xA0, 0x17F) | between(0x300, 0x30C) | between(0x2010, 0x2027)
GREEK = between(0x370, 0x3FF)
SCRIPTS = between(0x2070, 0x209C) | between(0x1D43, 0x1D5B) | between(0x1D62, 0x1D6A) | {0x1D40, 0x2C7C}
LETTERS = {ord(c) for c in "ℂℍℓℕℝℒℋℤ𝔼𝒲𝒫"}
MARKS = {0x2030, 0x2032, 0x2033, 0x2034, 0x203E, 0x2016}
MATHS = between(0x2190, 0x2194) | between(0x2200, 0x2208) | between(0x220B, 0x220F) | {
    ord(c) for c in "⇒↦∑−∓∕∗∘√∝∞∣∥∧∨∩∪∫∼≃≅≈≠≡≤≥≪≫⊂⊆⊕⊗⊙⊥⋅⋯⟨⟩⌈⌉⌊⌋"
}
# Letters of variables, with the marks above them.
VARIABLES = between(0x41, 0x5A) | between(0x61, 0x7A) | between(0x3B1, 0x3C9) | {0x3D1, 0x3D5, 0x3F5} | between(0x300, 0x30C)
WANTED = LATIN | GREEK | SCRIPTS | LETTERS | MARKS | MATHS


def cut(path, characters, features, dropped, out):
    options = subset.Options()
    options.layout_features = features
    options.drop_tables += dropped
    options.hinting = False
    options.glyph_names = False
    options.name_IDs = ["*"]
    font = TTFont(path)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters & set(font.getBestCmap()))
    subsetter.subset(font)
    font.save(out)
    return set(font.getBestCmap())


FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl"]


def named(font, style):
    names = {1: "Widelimit Sans", 2: style, 3: f"Widelimit Sans {style} 1", 4: "Widelimit Sans"}
    if style != "Regular":
        names[4] += f" {style}"
    names[6] = f"WidelimitSans-{style}"
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID not in (0, 5, 7, 13, 14):
            font["name"].names.remove(record)
    font.recalcTimestamp = False
    font["head"].modified = font["head"].created
    font.save(f"WidelimitSans-{style}.ttf")
    font.flavor = "woff2"
    font.save(f"WidelimitSans-{style}.woff2")


def main(text_font, maths_font, italic_font):
    with tempfile.TemporaryDirectory() as folder:
        first, second = os.path.join(folder, "text.ttf"), os.path.join(folder, "maths.ttf")
        have = cut(text_font, WANTED, FEATURES, ["DSIG"], first)
        cut(maths_font, WANTED - have, [], ["MATH", "GDEF", "DSIG"], second)
        named(merge.Merger().merge([first, second]), "Regular")
        third = os.path.join(folder, "italic.ttf")
        cut(italic_font, VARIABLES, FEATURES, ["DSIG"], third)
        named(TTFont(third), "Italic")


if __name__ == "__main__":
    main(*sys.argv[1:])
