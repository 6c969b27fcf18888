"""What holds for every property: a slow machine is no counterexample."""

from hypothesis import settings

settings.register_profile("ebbtide", deadline=None)
settings.load_profile("ebbtide")
