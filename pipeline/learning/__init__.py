"""Learning from labelled rows: model files, the registry of a city's models, and one trainer a task (``trainers``)."""
