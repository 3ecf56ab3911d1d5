#!/usr/bin/env python3
"""Translate the modules named in ``pipeline/compiled.py`` to machine code: ``make compile``. Quick without changes.

Needs a C compiler and the headers of Python. Without them nothing is done and nothing breaks: everything runs as plain
Python, only slower.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from setuptools import Distribution  # type: ignore[import-untyped]  # noqa: E402
from setuptools.command.build_ext import build_ext  # type: ignore[import-untyped]  # noqa: E402

from pipeline.compiled import CACHES, FOLDER, GROUP, STAMP, digest, fresh, sources  # noqa: E402
from pipeline.compiled import ROOT as HOME  # noqa: E402

WORK = FOLDER.parent / "compiled-c"
"""Where the C code goes; kept, so that a second compilation only does what changed."""


def say(text: str) -> None:
    print(f"compile: {text}", flush=True)


def missing() -> str:
    """What the system lacks, as the packages of Debian to ask for."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[0]
    lacks = [] if shutil.which(compiler) else ["gcc libc6-dev"]
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    if not headers.exists():
        lacks.append("python{}.{}-dev".format(*sys.version_info[:2]))
    return " ".join(lacks)


def build(words: list[str], group: str, work: Path, folder: Path) -> None:
    """C code of the files named in ``words`` (beside options of mypy) into ``work``, one library of it into ``folder``.

    Objects are made on all processors.
    """
    from mypyc.build import mypycify

    modules = mypycify(words, opt_level="2", debug_level="0", multi_file=True, group_name=group, target_dir=str(work))
    command = _Build(Distribution({"name": group, "ext_modules": modules}))
    command.build_lib, command.build_temp = str(folder), str(work / "objects")
    command.ensure_finalized()
    command.run()


class _Build(build_ext):  # type: ignore[misc]
    """Setuptools compiles the files of one library one after the other; here several at once."""

    def build_extensions(self) -> None:
        compiler: Any = self.compiler

        def compile_all(
            sources: list[str], output_dir: Any = None, macros: Any = None, include_dirs: Any = None,
            debug: bool = False, extra_preargs: Any = None, extra_postargs: Any = None, depends: Any = None,
        ) -> list[str]:  # fmt: skip
            _, objects, extra, options, todo = compiler._setup_compile(
                output_dir, macros, include_dirs, sources, depends, extra_postargs
            )
            arguments = compiler._get_cc_args(options, debug, extra_preargs)

            def one(name: str) -> None:
                compiler._compile(name, *todo[name], arguments, extra + _caches(name), options)

            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(one, todo))
            return list(objects)

        compiler.compile = compile_all
        super().build_extensions()


def _caches(name: str) -> list[str]:
    """How the compiler is told of the inline caches: for what mypyc made of modules, not for its runtime."""
    return ["-include", str(CACHES)] if Path(name).name.startswith("__native_") else []


def _codecs() -> Path:
    """The generated codecs of what comes in and goes out by the million, written out as a module."""
    from pipeline.wire import ready
    from pipeline.wire.avrocode import compile_reader
    from pipeline.wire.avrowrite import compile_writer
    from pipeline.wire.serde import struct_reader
    from schemas.catalogue import newest

    ready.recorded = []
    for name in ready.HOT:
        compile_reader(newest(name).plain)
    for name in ready.TOLD:
        compile_writer(newest(name).plain, attributes=True)
    for name in (*ready.BETWEEN, *ready.STORED):
        struct_reader(name)
    path = WORK / f"{ready.MODULE}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ready.module_text(ready.recorded), encoding="utf-8")
    return path


def main() -> int:
    """0: compiled, or not possible here and said so; 1: it should have been. ``--lacks`` names packages only."""
    if "--lacks" in sys.argv[1:]:
        sys.stdout.writelines(f"{package}\n" for package in missing().split())
        return 0
    if fresh():
        return 0
    lacks = missing()
    if lacks:
        say(f"not found: {lacks}. Everything runs as plain Python, about a third slower.")
        say(f"To change that ask for: apt-get install {lacks}; then call make compile.")
        return 0
    say(f"{len(sources())} modules with mypyc; a minute or two, once a change")
    started, before = time.monotonic(), digest()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    os.chdir(HOME)
    try:
        paths = [str(path.relative_to(HOME)) for path in (*sources(), _codecs())]
        build(["--config-file=pyproject.toml", *paths], GROUP.removesuffix("__mypyc"), WORK, FOLDER)
    except (SystemExit, subprocess.CalledProcessError, Exception) as fault:
        say(f"failed ({fault}); everything runs as plain Python")
        return 1
    STAMP.write_text(before, encoding="utf-8")
    say(f"done in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
