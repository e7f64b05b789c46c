"""Builds the single binary: `python packaging/build.py FILE`, in an environment with lumi-box and its extra `binary`.

PyInstaller gathers the program and its interpreter in a folder; a small launcher and a ZIP of that folder, one behind
the other, are the binary. Why it is so: docs/decisions/0012-binary.md.
"""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "binary"
MOMENT = (1980, 1, 1, 0, 0, 0)  # the same content is the same file
VERSION_LENGTH = 16  # as in launcher.c


def gather() -> Path:
    """The folder of the program, ready to run."""
    os.environ["PYINSTALLER_CONFIG_DIR"] = os.fspath(WORK / "cache")  # read when it is imported
    import PyInstaller.__main__

    spec = os.fspath(HERE / "lumi-box.spec")
    places = ["--distpath", os.fspath(WORK / "dist"), "--workpath", os.fspath(WORK / "work")]
    PyInstaller.__main__.run(["--noconfirm", "--clean", "--log-level", "ERROR", *places, spec])
    folder = WORK / "dist" / "lumi-box"
    internal = folder / "_internal"
    own = [*internal.glob("libpython3.*"), *internal.glob("python3.*/lib-dynload/*.so")]
    # Of the interpreter only: libraries that wheels bring are patched in ways that strip does not survive.
    subprocess.run(["strip", "--strip-unneeded", *own], check=True)
    return folder


def compile_launcher(target: Path) -> None:
    """Static, so that it needs nothing of the system that it starts on."""
    flags = ["-static", "-Os", "-s", "-Wall", "-Wextra", "-Werror"]
    source = os.fspath(HERE / "launcher.c")
    subprocess.run([os.environ.get("CC", "cc"), *flags, source, "-o", target, "-lz"], check=True)


def pack(launcher: Path, folder: Path, target: Path) -> None:
    """The launcher, and behind it the folder as a ZIP whose comment names this content."""
    digest = hashlib.sha256()
    temporary = target.with_name(f".{target.name}.new")
    temporary.write_bytes(launcher.read_bytes())
    with zipfile.ZipFile(temporary, "a") as archive:
        for path in contents(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), MOMENT)
            mode = path.lstat().st_mode
            entry.external_attr = (stat.S_IFMT(mode) | mode & 0o700) << 16
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            digest.update(f"{entry.filename}\0{entry.external_attr}\0{len(content)}\0".encode() + content)
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=6)
        archive.comment = digest.hexdigest()[:VERSION_LENGTH].encode()
    temporary.chmod(0o755)
    temporary.replace(target)


def contents(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())


def main(target: Path) -> None:
    folder = gather()
    compile_launcher(WORK / "launcher")
    target.parent.mkdir(parents=True, exist_ok=True)
    pack(WORK / "launcher", folder, target)
    sizes = [path.lstat().st_size for path in contents(folder)]
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB; unpacked {sum(sizes) / 1e6:.0f} MB in {len(sizes)} files")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
