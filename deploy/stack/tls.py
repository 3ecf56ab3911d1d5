"""A certificate authority of one's own and a certificate of a server, for the secured listener on this machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from deploy.stack.places import HOST, program

DAYS = "3650"
KEY = ("-newkey", "rsa:2048", "-nodes")


def certify(folder: Path) -> tuple[Path, Path]:
    """(CA certificate, key and certificates of the server), PEM; made in the folder when they are not there."""
    authority, store = folder / "ca.pem", folder / "server.pem"
    if not store.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _make_authority(folder)
        _make_server(folder)
        # What Kafka reads as a key store: the key, then its certificate and the one that signed it.
        parts = (folder / "server.key", folder / "server.crt", authority)
        store.touch(mode=0o600)
        store.write_bytes(b"".join(part.read_bytes() for part in parts))
    return authority, store


def _make_authority(folder: Path) -> None:
    _openssl(
        folder, "req", "-x509", *KEY, "-days", DAYS, "-subj", "/CN=wangge stack CA", "-keyout", "ca.key", "-out",
        "ca.pem",
    )  # fmt: skip


def _make_server(folder: Path) -> None:
    names = f"subjectAltName=IP:{HOST},DNS:localhost"
    (folder / "names.cnf").write_text(names, encoding="ascii")
    _openssl(folder, "req", *KEY, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    _openssl(
        folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", DAYS, "-extfile", "names.cnf", "-out", "server.crt",
    )  # fmt: skip


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run([program("openssl"), *arguments], cwd=folder, check=True, capture_output=True)
