"""The page of topics is what the table says."""

from __future__ import annotations

from pathlib import Path

from car.topics import SERVICES, TOPICS
from car.topics_page import page

DOCS = Path(__file__).parents[2] / "docs" / "topics.md"


def test_the_page_is_made_from_the_table_as_it_is() -> None:
    assert DOCS.read_text() == page(), "make it anew: python -m car.topics_page > docs/topics.md"


def test_every_row_stands_on_it() -> None:
    for name in (*TOPICS, *SERVICES):
        assert f"| `{name}` |" in page()
