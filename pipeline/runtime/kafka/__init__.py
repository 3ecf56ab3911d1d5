"""The stages on Kafka: whole polls in, one transaction out. Faust brings records and partitions, and nothing else."""
