"""Settings of all tests."""

from hypothesis import settings

# No test asserts how long anything takes.
settings.register_profile("distil", deadline=None)
settings.load_profile("distil")
