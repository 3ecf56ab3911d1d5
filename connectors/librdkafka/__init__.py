"""Kafka through librdkafka (confluent-kafka): transactions, fast reading. The only package that imports it."""
