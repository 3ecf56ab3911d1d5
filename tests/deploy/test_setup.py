"""Setting up: what belongs to another tree is left alone."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_linked_environment_is_refused_and_nothing_of_it_is_touched(tmp_path: Path) -> None:
    others, tree = tmp_path / "others", tmp_path / "tree"
    others.mkdir()
    for name in (".installed", "kept"):
        (others / name).write_text("kept")
    shutil.copytree(ROOT / "deploy" / "setup", tree / "deploy" / "setup")
    (tree / ".venv").symlink_to(others)
    ended = subprocess.run(["bash", "deploy/setup/python.sh"], cwd=tree, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "remove the link" in ended.stdout + ended.stderr
    assert sorted(path.name for path in others.iterdir()) == [".installed", "kept"]
