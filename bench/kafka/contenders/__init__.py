"""Everyone who is measured: a module each, started as ``python -m bench.kafka.contenders.NAME SPEC``."""
