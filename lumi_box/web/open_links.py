"""Links that open a model in a slicer on the maker's own machine.

Each program has a scheme of its own and takes the address of a file, which it fetches without any cookie: the
signature stands in the path, whose end says what kind of file it is.
"""

from __future__ import annotations

from urllib.parse import quote

SCHEMES = {
    "orca": "orcaslicer://open?file=",
    "bambu": "bambustudio://open?file=",
    "cura": "cura://open?file=",
}


def links_to(address: str) -> dict[str, str]:
    """Of the signed address of a 3MF."""
    return {name: scheme + quote(address, safe="") for name, scheme in SCHEMES.items()} | {"url": address}
