"""Model files: the same model the same bytes, and nothing unsafe or damaged is taken."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from pipeline.errors import ConfigFaults
from pipeline.learning import modelfile
from pipeline.learning.modelfile import Card, read_model, write_model
from pipeline.learning.rows import digest_of, share_known

CARD = Card(task="classify", dataset="invented", rows=3, labels=("a", "b"), figures={"macro_f1": 0.5})
ARRAYS = {"weights": np.arange(12, dtype=np.float16).reshape(4, 3), "flags": np.array([True, False])}
TABLES = {"labels": ["a", "b"], "options": {"bits": 2}}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    card = write_model(tmp_path / "m", CARD, ARRAYS, TABLES)
    found = read_model(tmp_path / "m", "classify")
    assert found.card == card
    assert card.version.startswith("classify-")
    assert found.tables == TABLES
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        name: array.tolist() for name, array in ARRAYS.items()
    }


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    one = write_model(tmp_path / "one", CARD, ARRAYS, TABLES)
    two = write_model(tmp_path / "two", CARD, dict(reversed(ARRAYS.items())), dict(reversed(TABLES.items())))
    assert one == two
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_version_is_of_the_content_alone(tmp_path: Path) -> None:
    one = write_model(tmp_path / "m", CARD, ARRAYS, TABLES)
    noted = write_model(tmp_path / "m", msgspec.structs.replace(CARD, notes=("x",)), ARRAYS, TABLES)
    other = write_model(tmp_path / "m", CARD, ARRAYS | {"weights": ARRAYS["weights"] + 1}, TABLES)
    assert one.version == noted.version != other.version


def test_objects_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be kept"):
        write_model(tmp_path / "m", CARD, {"x": np.array([{}])}, {})


def npy(array: Any, **options: Any) -> bytes:
    raw = io.BytesIO()
    np.save(raw, array, **options)
    return raw.getvalue()


def claiming(shape: tuple[int, ...]) -> bytes:
    """An array whose header promises more than there is."""
    raw = io.BytesIO()
    np.lib.format.write_array_header_1_0(raw, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return raw.getvalue()


Spoil = Callable[[dict[str, bytes]], None]


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        pytest.param(lambda m: m.pop("card.json"), "card.json", id="no card"),
        pytest.param(lambda m: m.update({"card.json": b"{"}), "card.json", id="no JSON"),
        pytest.param(lambda m: m.update({"../x.npy": npy([1])}), "member", id="a path"),
        pytest.param(lambda m: m.update({"x.pkl": b"x"}), "member", id="another kind of file"),
        pytest.param(lambda m: m.update({"x.npy": npy(np.array([{}]), allow_pickle=True)}), "x.npy", id="pickle"),
        pytest.param(lambda m: m.update({"x.npy": claiming((1 << 50,))}), "x.npy", id="a promise of petabytes"),
        pytest.param(lambda m: m.update({"x.npy": claiming((-1,))}), "x.npy", id="a negative shape"),
        pytest.param(lambda m: m.update({"x.npy": b"abc"}), "x.npy", id="no array"),
        pytest.param(lambda m: m.update({"x.npy": npy([2])}), "version", id="content that the version does not know"),
        pytest.param(lambda m: m.update({f"x{n}.npy": npy([n]) for n in range(70)}), "size", id="too many members"),
        pytest.param(lambda m: m.update({"x.json": b" " * 4097}), "size", id="too large"),
    ],
)
def test_a_spoiled_file_is_refused(
    spoil: Spoil, field: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    write_model(tmp_path / "m", CARD, ARRAYS, TABLES)
    with zipfile.ZipFile(tmp_path / "m") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    spoil(members)
    with zipfile.ZipFile(tmp_path / "m", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    monkeypatch.setattr(modelfile, "MOST_BYTES", 16_384 if field != "size" else 4096)
    with pytest.raises(ConfigFaults) as found:
        read_model(tmp_path / "m")
    assert found.value.faults[0].field == field


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 no zip", b"\x80\x04."], ids=["empty", "torn", "pickle"])
def test_no_zip_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(ConfigFaults, match="wangge train"):
        read_model(tmp_path / "m")


def test_another_task_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m", CARD, ARRAYS, TABLES)
    with pytest.raises(ConfigFaults, match="routing"):
        read_model(tmp_path / "m", "routing")


def test_another_format_is_refused(tmp_path: Path) -> None:
    write_model(tmp_path / "m", msgspec.structs.replace(CARD, format=9), ARRAYS, TABLES)
    with pytest.raises(ConfigFaults, match="format"):
        read_model(tmp_path / "m")


def test_rows_known_to_a_model_are_noticed() -> None:
    small = digest_of(["a", "b", "c"])[1]
    assert share_known(small, ["a", "b", "x", "y"]) == 0.5
    ids = [f"row {number}" for number in range(20_000)]
    digest, sample = digest_of(ids)
    assert digest == digest_of(list(reversed(ids)))[0]
    assert share_known(sample, [f"other {number}" for number in range(5000)]) == 0
    assert share_known(sample, ids[:5000]) == 1.0
    half = ids[:5000] + [f"other {number}" for number in range(5000)]
    assert share_known(sample, half) == pytest.approx(0.5, abs=0.1)
