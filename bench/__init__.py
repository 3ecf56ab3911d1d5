"""Measured rates and memory of the pipeline on one machine: ``python bench/run.py``; see docs/benchmarks.md."""
