"""Wangge: records in, verified cases and open assessment out. See README.md."""

from pipeline.compiled import use_compiled

COMPILED = use_compiled()
"""Whether the modules that cost most run as machine code in this process."""
