"""No property is timed: a busy machine is no fault of geometry."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
