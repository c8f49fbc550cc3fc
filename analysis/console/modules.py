"""Which scripts a page's script needs, so that the page can name them all at once.

A browser that finds imports one inside the other asks for them in as many rounds as they are deep.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

_STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r'^import .*?from "\./([a-z_]+\.js)";', re.MULTILINE | re.DOTALL)


@lru_cache(maxsize=16)
def modules_of(script: str) -> tuple[str, ...]:
    """Return the names of a script of ours and of all that it imports, sorted.

    Args:
        script: name of a file in the folder `static`.
    """
    found, waiting = {script}, [script]
    while waiting:
        text = (_STATIC / waiting.pop()).read_text(encoding="utf-8")
        new = set(_IMPORT.findall(text)) - found
        found |= new
        waiting += new
    return tuple(sorted(found))
