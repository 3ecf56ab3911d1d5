"""Committed positions are read so that no open transaction can still change them."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.positions import settled_positions
from connectors.librdkafka.transactions import Membership, _metadata
from pipeline.settings import KafkaSettings


def test_a_position_inside_an_open_transaction_is_waited_for(kafka_settings: KafkaSettings) -> None:
    topic, group = kafka_settings.prefix + "facts.work", kafka_settings.prefix + "group"
    admin = AdminClient({"bootstrap.servers": kafka_settings.bootstrap})
    admin.create_topics([NewTopic(topic, 2, 1)])[topic].result(30)
    writer = Producer({"bootstrap.servers": kafka_settings.bootstrap, "transactional.id": kafka_settings.prefix + "w"})
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce(topic, b"value", b"key")
    writer.flush(30)
    noted = [TopicPartition(topic, 0, 7)]
    writer.send_offsets_to_transaction(noted, _metadata(Membership(group, -1, "")), 30)
    with ThreadPoolExecutor(1) as reader:
        found = reader.submit(settled_positions, kafka_settings, group, [(topic, 0), (topic, 1)])
        time.sleep(2)  # long enough to answer wrongly
        writer.commit_transaction(30)
        assert found.result(60) == {(topic, 0): (7, ""), (topic, 1): (-1, "")}
