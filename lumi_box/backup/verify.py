"""Whether a backup could be restored: everything is read, checked and counted as a restore would."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from lumi_box.backup import archive, contents
from lumi_box.backup.create import Tell
from lumi_box.backup.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Verified:
    """A sound backup; `lost` are the objects that were not whole any more when it was made."""

    manifest: Manifest
    rows: int
    lost: list[str]


def verify(path: Path, tell: Tell = lambda done, count: None) -> Verified:
    """Raises Damaged. The rows go to a temporary place ($TMPDIR); objects are only read."""
    with tempfile.TemporaryDirectory(prefix="lumi-verify-") as folder, archive.opened(path) as reader:
        head = contents.read_head(reader)
        copy = Path(folder, archive.DATABASE)
        contents.read_database(reader, head, copy)
        objects = head.manifest.objects
        done = 0

        def passed(_: str, member: archive.Member) -> str:
            nonlocal done
            done += 1
            tell(done, objects.count if objects else 0)
            return member.finish()

        lost = contents.read_objects(reader, copy, passed, inside=objects is not None)
        return Verified(head.manifest, sum(head.manifest.rows.values()), lost)
