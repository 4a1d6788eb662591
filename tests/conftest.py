"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# The same examples every time, and no clock: a busy machine must not fail a test.
settings.register_profile(
    "archlint",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("archlint")
