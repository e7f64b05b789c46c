"""Finding public models by words of their names and prompts."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import Any

from peewee import SQL, SqliteDatabase

from lumi_box.tables.base import database
from lumi_box.tables.gallery import SearchText

TRIGRAM = 3


def matching(text: str) -> Any:
    """A subquery: the ids of the models that hold every word of the text, be it inside another word.

    SQLite looks words up in the trigram index, and reads through the names where a word is shorter than a trigram.
    MariaDB has no such index (its FULLTEXT knows whole words only, and no Chinese), so there it always reads through.
    """
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    indexed = isinstance(database.obj, SqliteDatabase)
    long = [word for word in words if indexed and len(word) >= TRIGRAM]
    conditions = [_holds(word) for word in words if word not in long]
    if long:
        phrases = " ".join('"' + word.replace('"', '""') + '"' for word in long)
        found = SQL("(SELECT rowid FROM search_index WHERE search_index MATCH ?)", [phrases])
        conditions.append(SearchText.id << found)
    return SearchText.select(SearchText.model).where(reduce(and_, conditions, SQL("1 = 1")))


def _holds(word: str) -> Any:
    return SearchText.name.contains(word) | SearchText.prompt.contains(word)
