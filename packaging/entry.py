"""Where the single binary begins: `lumi-box`, in the surroundings that it would have if it were not one file."""

import os
from pathlib import Path

import certifi

from lumi_box.cli import main

# Debian, Arch and Alpine; Fedora; openSUSE: the interpreter in this file knows those of the system it was built on.
AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    certifi.where(),
)


def _give_back_libraries() -> None:
    """Other programs that we start (a slicer, journalctl) load their own libraries, not those of this file."""
    was = os.environ.pop("LUMI_BOX_LIBRARY_PATH", None)  # kept by launcher.c
    for name in ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH_ORIG"):
        os.environ.pop(name, None)
    if was is not None:
        os.environ["LD_LIBRARY_PATH"] = was


def _know_authorities() -> None:
    if "SSL_CERT_FILE" not in os.environ and "SSL_CERT_DIR" not in os.environ:
        os.environ["SSL_CERT_FILE"] = next(file for file in AUTHORITIES if Path(file).is_file())


_give_back_libraries()
_know_authorities()
main()
