"""The wire: Avro single-object encoding, container files, and the codecs compiled for them."""
