"""Kafka through kafka-python: topics, access lists, the client for those who publish and those who consume."""
