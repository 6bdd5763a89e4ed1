"""How the property tests run."""

from hypothesis import settings

# No deadline, because a busy machine is no failure; no database, so that a run does not depend on earlier ones.
settings.register_profile("webstack", deadline=None, max_examples=50, database=None)
settings.load_profile("webstack")
