"""The file format: what tar and sha256sum read, and nothing that was not written so is taken for a backup."""

import io
import subprocess
import tarfile

import pytest

from lumi_box.backup import archive
from lumi_box.backup.archive import Damaged, Reader, Unreadable, Writer

MEMBERS = {
    "manifest.json": b"{}\n",
    "config.toml": b"x" * 511,
    "database.sqlite3": bytes(range(256)) * 4,
    "objects/" + "k" * 150: b"long name",
    "objects/empty": b"",
}


def written(members=MEMBERS):
    file, sums = io.BytesIO(), io.BytesIO()
    writer = Writer(file, sums, 1_790_000_000)
    for name, content in members.items():
        writer.add(name, io.BytesIO(content), len(content))
    writer.close()
    return file.getvalue()


def read(data):
    reader, found = Reader(io.BytesIO(data), len(data)), {}
    while (member := reader.next()) is not None:
        found[member.name] = member.read(1 << 20)
    return found


def test_what_was_written_is_read_again():
    assert read(written()) == MEMBERS
    assert written() == written()


def test_a_member_need_not_be_read_to_get_to_the_next():
    data = written()
    reader, names = Reader(io.BytesIO(data), len(data)), []
    while (member := reader.next()) is not None:
        names.append(member.name)
    assert names == list(MEMBERS)


def test_an_operator_can_unpack_it_and_check_it_without_us(tmp_path):
    (tmp_path / "backup.tar").write_bytes(written())
    for line in (["tar", "xf", "backup.tar"], ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]):
        subprocess.run(line, cwd=tmp_path, check=True, timeout=30, capture_output=True)
    for name, content in MEMBERS.items():
        assert (tmp_path / name).read_bytes() == content
    assert (tmp_path / "config.toml").stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_flipped_bit_is_found_wherever_it_is():
    data = written()
    for place in range(len(data)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << place % 8
        with pytest.raises(Damaged):
            read(bytes(spoilt))


def test_a_file_that_was_cut_off_is_found_wherever_it_was():
    data = written()
    for length in range(0, len(data), 37):
        with pytest.raises(Damaged):
            read(data[:length])
    with pytest.raises(Damaged):
        read(data[:-1])


@pytest.mark.parametrize("more", [b"\0", b"\0" * 512, b"x"])
def test_nothing_may_follow(more):
    with pytest.raises(Damaged):
        read(written() + more)


def test_a_source_that_fails_leaves_the_file_as_it_was():
    class Failing(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 4:
                raise OSError(5, "Input/output error")
            return super().read(4)

    file, sums = io.BytesIO(), io.BytesIO()
    writer = Writer(file, sums, 1)
    writer.add("a", io.BytesIO(b"whole"), 5)
    with pytest.raises(Unreadable, match="Input/output error"):
        writer.add("b", Failing(b"0123456789"), 10)
    with pytest.raises(Unreadable, match="shorter"):
        writer.add("c", io.BytesIO(b"0123"), 10)
    writer.add("d", io.BytesIO(b"too"), 3)
    writer.close()
    assert read(file.getvalue()) == {"a": b"whole", "d": b"too"}


def test_a_member_larger_than_it_may_be_is_not_read():
    data = written()
    member = Reader(io.BytesIO(data), len(data)).next()
    with pytest.raises(Damaged, match="larger"):
        member.read(2)


def test_a_size_beyond_the_file_is_refused_before_anything_is_read():
    info = tarfile.TarInfo("manifest.json")
    info.size, info.mode, info.mtime = 1 << 50, 0o600, 1
    data = info.tobuf(tarfile.GNU_FORMAT) + bytes(2048)
    with pytest.raises(Damaged, match="cut off"):
        read(data)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
def test_what_is_no_plain_file_is_refused(kind):
    info = tarfile.TarInfo("objects/link")
    info.type, info.linkname, info.mode, info.mtime = kind, "/etc/passwd", 0o600, 1
    with pytest.raises(Damaged):
        read(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT])
def test_a_tar_of_anybody_elses_is_refused(format, tmp_path):
    with tarfile.open(tmp_path / "other.tar", "w", format=format) as tar:
        tar.addfile(tarfile.TarInfo("manifest.json"), io.BytesIO())
    assert not archive.begins_one(tmp_path / "other.tar")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(600), b"\x1f\x8b" + bytes(600), b"text" * 300])
def test_other_files_are_told_from_a_backup(content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert not archive.begins_one(path)
    with pytest.raises(Damaged, match="file: it is "), archive.opened(path) as reader:
        reader.next()
    assert not archive.begins_one(tmp_path)
    assert not archive.begins_one(tmp_path / "none")
