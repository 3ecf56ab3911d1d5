"""Wangge on Kafka beside its peers, its latency and scale: ``python -m bench.kafka``, docs/benchmarks-kafka.md."""
