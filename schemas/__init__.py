"""Wire contracts: schemas, examples, topics and mappings as data, and the pure code that loads and checks them."""
