"""Writing a city's reference overlay and the tables of truth: plain CSV and TOML that anybody can read and mend."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

Cell = str | int | float | bool | None | Sequence[str]
OVERLAY_NOTE = "# Made by an importer from the columns of a public set; an example, not the city's own table."


def slug(text: str, longest: int = 40) -> str:
    """Letters and digits of a name joined by dashes; a long name is cut and told apart by a digest."""
    clean = re.sub(r"[^\w]+", "-", text.strip().casefold()).replace("_", "-").strip("-")
    return clean if clean and len(clean) <= longest else f"{clean[: longest - 9]}-{digest(text)}".strip("-")


def digest(text: str) -> str:
    """Eight hexadecimal digits that stand for a text."""
    return blake2b(text.encode(errors="replace"), digest_size=4).hexdigest()


def one_line(text: str) -> str:
    """A text for a cell: one line, single blanks."""
    return " ".join(text.split())


def write_table(path: Path, rows: Iterable[Mapping[str, Cell]], notes: Sequence[str] = ()) -> int:
    """Write rows as CSV with the columns of all of them. No rows, no file. Notes become comment lines."""
    kept = list(rows)
    if not kept:
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(column for row in kept for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{note if note.startswith('#') else f'# {note}'}\n" for note in notes)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row.get(column)) for column in columns] for row in kept)
    return len(kept)


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return one_line(str(value))
    return "|".join(one_line(part).replace("|", "/") for part in value)


def write_city(
    folder: Path,
    *,
    name: str,
    time_zone: str,
    box: tuple[float, float, float, float],
    datum: str = "WGS84",
    default_points: Sequence[tuple[float, float]] = (),
) -> None:
    """``city.toml``: name, zone, datum, bounding box (west, south, east, north), points that mean "no place"."""
    points = ", ".join(f"[{lon!r}, {lat!r}]" for lon, lat in [(0.0, 0.0), *default_points])
    text = (
        f"{OVERLAY_NOTE}\n"
        f'name = "{name}"\ntime_zone = "{time_zone}"\ndatum = "{datum}"\n'
        f"bounding_box = [{', '.join(map(repr, box))}]\n"
        f"default_points = [{points}]\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.toml").write_text(text, encoding="utf-8")
