"""Geometry: datum, distances, tiles, layers of areas and the look-ups on them. The only package that knows shapely.

Coordinates are degrees WGS-84 unless a name says otherwise, longitude first; lengths are metres, areas square metres.
Nothing here reads a clock, a file or a random number: bytes and times come in as arguments.
"""
