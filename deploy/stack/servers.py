"""The servers that Wangge works with, on this machine: for `make stack`, for tests and for benches alike."""

from deploy.stack.clickhouse import ClickHouseServer
from deploy.stack.kafka import KafkaServer, Security
from deploy.stack.mosquitto import MosquittoServer
from deploy.stack.places import ServerMissing
from deploy.stack.process import Server, ServerFailed
from deploy.stack.prometheus import PrometheusServer

__all__ = [
    "ClickHouseServer",
    "KafkaServer",
    "MosquittoServer",
    "PrometheusServer",
    "Security",
    "Server",
    "ServerFailed",
    "ServerMissing",
]
