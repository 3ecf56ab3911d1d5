"""MQTT, the language of sensors: what they say is carried into Kafka."""
