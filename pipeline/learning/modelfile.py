"""One file for one model: a zip of ``card.json``, arrays (``NAME.npy``) and tables (``NAME.json``).

Safe to load from elsewhere: no pickle, sizes are bounded before anything is unpacked, and every member is checked
against what its header says. The same arrays, tables and card give the same bytes.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from pipeline.errors import ConfigFaults, Fault

FORMAT = 1
TASKS = ("classify", "duplicates", "routing")
MOST_BYTES = 64 << 20
"""Unpacked, all members together."""
MOST_MEMBERS = 64
_EPOCH = (1980, 1, 1, 0, 0, 0)
_KINDS = frozenset("biuf")
"""Kinds of numbers an array may hold: booleans, integers, floats. Never objects."""

Array = np.ndarray[Any, np.dtype[Any]]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What a model is and where it comes from: its model card."""

    task: str
    """``classify``, ``duplicates`` or ``routing``."""
    format: int = FORMAT
    version: str = ""
    """``task-`` and 12 digits of a digest of arrays and tables; set by :func:`write_model`."""
    dataset: str = ""
    rows: int = 0
    rows_digest: str = ""
    """Digest of the ids of the rows it was trained on (:func:`pipeline.learning.rows.digest_of`)."""
    rows_sample: tuple[str, ...] = ()
    """The smallest hashes of those ids: enough to notice when the same rows are used for scoring."""
    span: tuple[int, int] | None = None
    """Earliest and latest time of the rows, milliseconds."""
    trained: str = ""
    """Day of the training, ``YYYY-MM-DD``."""
    seed: int = 0
    features: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    figures: dict[str, float] = {}
    """What was measured in training, on rows held out of it."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model as read: card, arrays and tables."""

    card: Card
    arrays: dict[str, Array] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)


def write_model(path: Path, card: Card, arrays: Mapping[str, Array], tables: Mapping[str, Any]) -> Card:
    """Write a model; gives the card back with its version. The file is whole or not there."""
    members = {f"{name}.npy": _npy(array) for name, array in sorted(arrays.items())}
    members |= {f"{name}.json": msgspec.json.encode(table, order="sorted") for name, table in sorted(tables.items())}
    named = msgspec.structs.replace(card, version=_version(card.task, members))
    members = {"card.json": msgspec.json.format(msgspec.json.encode(named))} | members
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".new")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data, zipfile.ZIP_DEFLATED, 9)
    partial.replace(path)
    return named


def read_model(path: Path, task: str | None = None) -> ModelFile:
    """The model in ``path``. Raises :class:`ConfigFaults` with every fault: not a model, another task, too large ..."""
    try:
        with zipfile.ZipFile(path) as archive:
            members, faults = _members(path, archive)
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ConfigFaults([_fault(path, "file", str(error), "give a model that `wangge train` wrote")]) from None
    if faults:
        raise ConfigFaults(faults)
    found = _unpacked(path, members, faults)
    if found.card.task:
        faults += _faults_of_card(path, found.card, members, task)
    if faults:
        raise ConfigFaults(faults)
    return found


def _version(task: str, members: Mapping[str, bytes]) -> str:
    found = blake2b(task.encode(), digest_size=6)
    for name in sorted(members):
        found.update(f"\x1f{name}\x1f{len(members[name])}\x1f".encode())
        found.update(members[name])
    return f"{task}-{found.hexdigest()}"


def _npy(array: Array) -> bytes:
    if array.dtype.kind not in _KINDS:
        message = f"an array of {array.dtype} cannot be kept: give booleans, integers or floats"
        raise ValueError(message)
    little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
    raw = io.BytesIO()
    np.lib.format.write_array(raw, little, version=(1, 0), allow_pickle=False)
    return raw.getvalue()


def _fault(path: Path, field_name: str, value: object, remedy: str) -> Fault:
    return Fault(path.name, field_name, str(value)[:120], remedy)


def _members(path: Path, archive: zipfile.ZipFile) -> tuple[dict[str, bytes], list[Fault]]:
    infos = archive.infolist()
    faults = []
    if len(infos) > MOST_MEMBERS or sum(info.file_size for info in infos) > MOST_BYTES:
        whole = sum(info.file_size for info in infos)
        remedy = f"at most {MOST_MEMBERS} members and {MOST_BYTES:,} bytes unpacked"
        return {}, [_fault(path, "size", f"{len(infos)} members, {whole:,} bytes", remedy)]
    for info in infos:
        stem, dot, ending = info.filename.rpartition(".")
        if not (dot and ending in {"npy", "json"} and stem.replace("_", "").isalnum() and stem.isascii()):
            faults.append(_fault(path, "member", info.filename, "a model holds NAME.npy and NAME.json only"))
    if "card.json" not in archive.namelist():
        faults.append(_fault(path, "card.json", "", "give a model that `wangge train` wrote"))
    return ({} if faults else {info.filename: archive.read(info) for info in infos}), faults


def _unpacked(path: Path, members: Mapping[str, bytes], faults: list[Fault]) -> ModelFile:
    found = ModelFile(_card(path, members["card.json"], faults))
    for name, data in members.items():
        stem = name.rpartition(".")[0]
        try:
            if name.endswith(".npy"):
                found.arrays[stem] = _array(data)
            elif stem != "card":
                found.tables[stem] = msgspec.json.decode(data)
        except (ValueError, msgspec.MsgspecError) as error:
            faults.append(_fault(path, name, error, "the file is damaged: train or copy it again"))
    return found


def _card(path: Path, data: bytes, faults: list[Fault]) -> Card:
    try:
        return msgspec.json.decode(data, type=Card)
    except msgspec.MsgspecError as error:
        faults.append(_fault(path, "card.json", error, "give a model that `wangge train` wrote"))
        return Card(task="")


def _array(data: bytes) -> Array:
    """One ``.npy`` of version 1.0; shape and kind must agree with the bytes that are there."""
    raw = io.BytesIO(data)
    if np.lib.format.read_magic(raw) != (1, 0):
        message = "an array of another version than 1.0"
        raise ValueError(message)
    shape, by_column, kind = np.lib.format.read_array_header_1_0(raw)
    rest = data[raw.tell() :]
    count = 1
    for length in shape:
        count *= length
    if by_column or kind.kind not in _KINDS or min(shape, default=0) < 0 or count * kind.itemsize != len(rest):
        message = f"an array of {kind} in shape {shape} with {len(rest)} bytes"
        raise ValueError(message)
    return np.frombuffer(rest, kind).reshape(shape)


def _faults_of_card(path: Path, card: Card, members: Mapping[str, bytes], task: str | None) -> list[Fault]:
    faults = []
    if card.task not in TASKS or (task is not None and card.task != task):
        faults.append(_fault(path, "task", card.task, f"give a model for {task or ' or '.join(TASKS)}"))
    if card.format != FORMAT:
        faults.append(_fault(path, "format", card.format, f"this program reads format {FORMAT}: train it again"))
    content = {name: data for name, data in members.items() if name != "card.json"}
    if card.version != _version(card.task, content):
        faults.append(_fault(path, "version", card.version, "it does not fit the content: train or copy it again"))
    return faults
