"""The ClickHouse sink: facts from Kafka to the tables of a server, each exactly once.

Per topic-partition one block is in flight. Its range is committed to Kafka as commit metadata (the plan) before
anything is inserted; the insert carries a token of that range; only then is the range committed as done. A process that
finds a plan rebuilds exactly that block, looks what of it is there, and inserts the rest. A commit that Kafka refuses
tells a process that others have taken over, before it writes.

``plan``, ``flush``, ``decide``, ``blocks``, ``values`` and ``lane`` are free of sockets; ``broker`` knows aiokafka,
``server`` knows clickhouse-driver, ``consumer`` and ``process`` bring them together.
"""
