"""Shared by all tests: this folder is on the path, so that ``builders`` can be imported everywhere below it."""
