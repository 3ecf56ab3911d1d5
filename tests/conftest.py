"""One profile for all property tests: no deadlines (tests assert no times), and the same examples in every CI run."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("wangge", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("wangge")
