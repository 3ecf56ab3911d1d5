"""For all tests: the servers as fixtures, and one profile for property tests.

The profile has no deadlines (tests assert no times), and the same examples in every CI run.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("wangge", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("wangge")

pytest_plugins = ["tests.support.fixtures"]
