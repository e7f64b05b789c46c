"""Reading a backup from its beginning to its end, and believing nothing in it that has not been checked."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from peewee import SqliteDatabase

from lumi_box.backup import manifest, rows, snapshot, work
from lumi_box.backup.archive import CONFIG, DATABASE, LOST, MANIFEST, OBJECTS, Damaged, Member, Reader
from lumi_box.backup.manifest import Manifest
from lumi_box.storage.ledger import KEY_LENGTH
from lumi_box.tables import migrate
from lumi_box.tables.migrate import NewerSchema

LARGEST_CONFIG = 1 << 20
LARGEST_LIST = 64 << 20

Keep = Callable[[str, Member], str]  # what becomes of an object; answers its SHA-256


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the rows."""

    manifest: Manifest
    config: bytes


def read_head(reader: Reader) -> Head:
    """Raises NewerSchema when this version does not know the schema."""
    found = manifest.parse(_expected(reader, MANIFEST).read(manifest.LARGEST))
    known = migrate.known()
    if found.migrations != known[: len(found.migrations)] or not found.migrations:
        newer = [name for name in found.migrations if name not in known]
        raise NewerSchema(
            f"this backup was made by lumi-box {found.version}, whose schema ({', '.join(newer) or 'another'}) this "
            "version does not know: use that version, or a newer one"
        )
    member = _expected(reader, CONFIG)
    content = member.read(LARGEST_CONFIG)
    if (member.size, member.finish()) != _part(found, CONFIG):
        raise Damaged(f"{CONFIG} is damaged")
    return Head(found, content)


def read_database(reader: Reader, head: Head, target: Path) -> None:
    """The rows as a SQLite file that is sound, has the schema it says, and as many rows as were counted."""
    member = _expected(reader, DATABASE)
    work.check_room(target.parent, member.size)
    with work.new_file(target) as file:
        digest = member.write_to(file)
        file.flush()
        os.fsync(file.fileno())
    if (member.size, digest) != _part(head.manifest, DATABASE):
        raise Damaged(f"{DATABASE} is damaged")
    try:
        with snapshot.opened(target) as copy:
            _check_rows(copy, head.manifest)
    except sqlite3.Error as error:
        raise Damaged(f"its database cannot be read: {error}") from error


def read_objects(reader: Reader, database: Path, keep: Keep, *, inside: bool) -> list[str]:
    """Every object that the ledger calls stored, and no other; answers those that were lost before the backup.

    The rest of the file has been read, and its checksums compared, when this returns.
    """
    unsound = []
    member = reader.next()
    with snapshot.opened(database) as copy:
        for key, size, sha256 in copy.execute(snapshot.STORED) if inside else ():
            if member is None or member.name != OBJECTS + key:
                unsound.append(f"missing {key}")
                continue
            _check_key(key)
            if (member.size, keep(key, member)) != (size, sha256):
                unsound.append(f"damaged {key}")
            member = reader.next()
    lost = []
    if member is not None and member.name == LOST:
        lost = member.read(LARGEST_LIST).decode("utf-8", "replace").splitlines()
        member = reader.next()
    if member is not None:
        raise Damaged(f"{member.name!r} has no business in it")
    for found, told in itertools.zip_longest(unsound, lost):
        if found != told:
            raise Damaged(f"{(found or told).replace(' ', ': ', 1)}")
    return lost


def _expected(reader: Reader, name: str) -> Member:
    member = reader.next()
    if member is None or member.name != name:
        raise Damaged(f"{name} is missing")
    return member


def _part(found: Manifest, name: str) -> tuple[int, str]:
    return found.files[name].size, found.files[name].sha256


def _check_rows(copy: sqlite3.Connection, found: Manifest) -> None:
    copy.execute("PRAGMA trusted_schema = OFF")  # nothing in it may run by itself yet
    copy.execute("PRAGMA cell_size_check = ON")
    (fault,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
    if fault != "ok":
        raise Damaged(f"its database is damaged: {fault}")
    if _schema(copy) != _schema_after(found.migrations) or snapshot.migrations(copy) != found.migrations:
        raise Damaged("its database is not of the schema that it names")
    if broken := copy.execute("PRAGMA foreign_key_check").fetchone():
        raise Damaged(f"its database has a row in {broken[0]} that refers to one in {broken[2]} which is not there")
    counted = rows.counts(copy)
    for table in sorted(counted.keys() | found.rows.keys()):
        if counted.get(table) != found.rows.get(table):
            raise Damaged(f"{table} has {counted.get(table)} rows instead of {found.rows.get(table)}")
    objects = found.objects
    if objects is not None and copy.execute(snapshot.LEDGER).fetchone() != (objects.count, objects.bytes):
        raise Damaged("its ledger names other objects than its manifest counted")


def _schema(copy: sqlite3.Connection) -> set[tuple[str, ...]]:
    """Names and kinds; of what runs by itself, every word."""
    told = "SELECT type, name, tbl_name, CASE WHEN type IN ('trigger', 'view') THEN sql ELSE '' END FROM sqlite_schema"
    return set(copy.execute(f"{told} WHERE name NOT LIKE 'sqlite_stat%'"))


def _schema_after(names: list[str]) -> set[tuple[str, ...]]:
    with closing(SqliteDatabase(":memory:")) as fresh:
        migrate.build(fresh, names)
        return _schema(fresh.connection())


def _check_key(key: str) -> None:
    """A key becomes a path in the store: none may lead out of it, or to what is not an object."""
    parts = PurePosixPath(key).parts
    plain = key == "/".join(parts) and not key.startswith(("/", ".")) and ".." not in parts and key.isprintable()
    if not plain or len(key) > KEY_LENGTH:
        raise Damaged(f"{key[:80]!r} cannot be the key of an object")
