"""Make Widelimit Sans: the glyphs a figure needs, from Noto Sans and Noto Sans Math.

    python3 subset.py NotoSans-Regular.ttf NotoSansMath-Regular.ttf

Both come from Debian's package fonts-noto-core (SIL Open Font License 1.1, no reserved name); needs
`pip install fonttools brotli`. Writes WidelimitSans-Regular.ttf (compiled in: measuring, PNG, PDF) and
WidelimitSans-Regular.woff2 (the same font, embedded in every SVG). Kerning and mark positioning are kept.
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


def main(text_font, maths_font):
    with tempfile.TemporaryDirectory() as folder:
        first, second = os.path.join(folder, "text.ttf"), os.path.join(folder, "maths.ttf")
        have = cut(text_font, WANTED, ["kern", "mark", "mkmk", "ccmp", "locl"], ["DSIG"], first)
        cut(maths_font, WANTED - have, [], ["MATH", "GDEF", "DSIG"], second)
        font = merge.Merger().merge([first, second])
    names = {1: "Widelimit Sans", 2: "Regular", 3: "Widelimit Sans Regular 1", 4: "Widelimit Sans"}
    names[6] = "WidelimitSans-Regular"
    for record in list(font["name"].names):
        if record.nameID in names:
            record.string = names[record.nameID]
        elif record.nameID not in (0, 5, 7, 13, 14):
            font["name"].names.remove(record)
    font.recalcTimestamp = False
    font["head"].modified = font["head"].created
    font.save("WidelimitSans-Regular.ttf")
    font.flavor = "woff2"
    font.save("WidelimitSans-Regular.woff2")


if __name__ == "__main__":
    main(*sys.argv[1:])
