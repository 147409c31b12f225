"""Languages made from English, which show what pages cannot do with other ones: long texts, right to left.

`xa` has accents on its letters, is 40 percent longer, and in brackets, so that a text that is cut, or is not
from the catalog, is seen. `xb` is the same from right to left, in Hebrew letters.
"""

import math
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from proofing_server.texts import DEFAULT_LANGUAGE, FOLDER

LONGER, MIRRORED = "xa", "xb"
_GROWTH: Final = 0.4
_VALUE = re.compile(r"(\{[a-z_]*\})")
_LATIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCENTED = "áƀçđéƒǧĥíĵķĺɱñóƥɋřšťúṽŵẋýžÁƁÇĐÉƑǦĤÍĴĶĹṀÑÓƤɊŘŠŤÚṼŴẊÝŽ"
_HEBREW = "אבגדהוזחטיכלמנסעפצקרשתאבגד" * 2
_LETTERS: Final = {LONGER: str.maketrans(_LATIN, _ACCENTED), MIRRORED: str.maketrans(_LATIN, _HEBREW)}
_OWN: Final = {
    LONGER: {"name": "[Ƥšéúđó]", "tag": "en-XA", "direction": "ltr"},
    MIRRORED: {"name": "[עברית]", "tag": "ar-XB", "direction": "rtl"},
}


def make_texts_folder(folder: Path) -> Path:
    """Fill *folder* with the catalogs of the product and those of both languages, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in FOLDER.glob("*.yaml"):
        shutil.copy(path, folder)
    english = yaml.safe_load((FOLDER / f"{DEFAULT_LANGUAGE}.yaml").read_text(encoding="utf-8"))
    for language, own in _OWN.items():
        texts = {**pseudo(english, language), "language": own}
        text = yaml.safe_dump(texts, allow_unicode=True, sort_keys=False)
        (folder / f"{language}.yaml").write_text(text, encoding="utf-8")
    return folder


def pseudo(texts: Any, language: str) -> Any:
    """Return a text, list or map of *texts* in *language*; the values that a text wants stay as they are."""
    if isinstance(texts, Mapping):
        return {name: pseudo(text, language) for name, text in texts.items()}
    if isinstance(texts, list):
        return [pseudo(text, language) for text in texts]
    words = [part if _VALUE.fullmatch(part) else _other(part, language) for part in _VALUE.split(texts)]
    length = len(_VALUE.sub("", texts))
    # In pieces, as words are: one long word would be another test.
    padding = " ".join(["~~~~"] * math.ceil(length * _GROWTH / 5)) if length > len("{}, ") else ""
    return f"[{''.join(words)}{' ' if padding else ''}{padding}]"


def _other(text: str, language: str) -> str:
    return text.translate(_LETTERS[language])
