"""What boards draw at rest, as profiles say it, beside the table of core.idle_watts."""

from collections.abc import Callable, Iterable

from ebbtide.core.idle_watts import IdleWatts, idle_watts
from ebbtide.samples.profile import Profile


def watts_of(profiles: Iterable[Profile]) -> Callable[[str], IdleWatts]:
    """Looks a model up by its whole name in what profiles say, then in the table."""
    told = {model: IdleWatts(ceiling, known=True) for one in profiles for model, ceiling in one.idle_watts}
    return lambda model: told.get(model) or idle_watts(model)
