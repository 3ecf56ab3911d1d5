"""Progress of long work on standard error: how far, how fast, how long still."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


class Progress:
    """A bar over the bytes of the inputs with the records and their rate beside it."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._bar: Any = None
        self._group, self._from = "", 0

    def show(self, group: str, read: int, total: int, records: int) -> None:
        """Move the bar."""
        if not self._enabled:
            return
        if group != self._group:
            self._end()
            self._group, self._from = group, records
            self._bar = tqdm(total=total, unit="B", unit_scale=True, desc="reading", mininterval=0.5)
        self._bar.update(min(read, total) - self._bar.n)
        rate = (records - self._from) / max(self._bar.format_dict["elapsed"], 0.1)
        self._bar.set_postfix_str(f"{records:,} records, {rate:,.0f}/s", refresh=False)

    def _end(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
