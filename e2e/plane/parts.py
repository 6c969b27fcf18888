"""The running programs of one plane, in the order in which they were started."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.plane.errors import PlaneError
from e2e.plane.layout import Layout
from e2e.plane.process import Component, Guard


class Parts:
    """Starts programs with a log and a guard each, and stops them all in reverse order."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._guard = Guard()
        self._components: dict[str, Component] = {}

    def __getitem__(self, name: str) -> Component:
        """Raises PlaneError for a name that was never started."""
        if name not in self._components:
            raise PlaneError(f"{name} was not started; there are {', '.join(self._components) or 'no parts'}")
        return self._components[name]

    def alive(self) -> list[str]:
        """Names of the programs that run."""
        return [name for name, component in self._components.items() if component.alive]

    def run(
        self,
        name: str,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        inherit: bool = True,
        cwd: Path | None = None,
    ) -> Component:
        """Starts a program under a name; one that ran under that name before must have ended."""
        if name in self.alive():
            raise PlaneError(f"{name} already runs")
        component = Component(name, argv, self.layout.log(name), self._guard, env=env, inherit=inherit, cwd=cwd)
        # Started anew, it is stopped first.
        self._components.pop(name, None)
        self._components[name] = component
        component.start()
        return component

    def stop(self) -> None:
        """Stops everything and ends the guard; safe to call twice."""
        for component in reversed(self._components.values()):
            component.stop()
        self._guard.close()
