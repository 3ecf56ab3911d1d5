"""A simulated city: what happens in it, what is reported of it, and the truth of both. Outside the pure core.

Randomness is allowed here and nowhere else, and only from generators seeded by (seed, purpose): see ``dice``.
"""
