"""What a reader knows of each vendor between two grids, and what one grid says of it."""

from dataclasses import dataclass, field

from ebbtide.core.snapshot import Distrust
from ebbtide.samples.holders import Holders
from ebbtide.samples.label_mode import Census, Labelling
from ebbtide.samples.profile import PodLabels, Profile
from ebbtide.samples.roster import Roster


@dataclass(slots=True, eq=False)
class Vendor:
    """One profile, the pods that request its devices, and how its series name them."""

    profile: Profile
    roster: Roster = field(init=False)
    label_mode: str = ""
    names: PodLabels | None = None
    """Labels in force in the last grid that had any."""
    problem: str = ""
    """Why its series cannot be attributed, as of the last grid."""

    def __post_init__(self) -> None:
        self.roster = Roster(self.profile)

    def take(self, labelling: Labelling, *, seen: bool) -> None:
        """What the last grid says. `seen`: it had live series."""
        if labelling.seen or seen:
            self.label_mode = labelling.seen
        self.problem = labelling.problem
        if labelling.names is not None:
            self.names = labelling.names


@dataclass(slots=True, eq=False)
class Sight:
    """What one grid shows of one vendor."""

    vendor: Vendor
    live: Census = field(init=False)
    past: Census = field(init=False)
    holders: Holders = field(default_factory=Holders)
    """Of the series that are named as before."""
    expected: PodLabels | None = field(init=False)
    again: int = 0
    """Samples in the part that was read before."""
    tail: int = 0
    """Samples in the part that will be read again."""

    def __post_init__(self) -> None:
        self.expected = self.vendor.names
        self.live = Census(self.vendor.profile, self.vendor.roster)
        self.past = Census(self.vendor.profile, self.vendor.roster)

    @property
    def census(self) -> Census:
        """Of live series, or of all where none is live."""
        return self.live or self.past


def label_mode(vendors: list[Vendor]) -> str:
    """The modes for people: one word where there is one vendor."""
    if len(vendors) == 1:
        return vendors[0].label_mode
    return ", ".join(f"{vendor.profile.name} {vendor.label_mode or 'unknown'}" for vendor in vendors)


def own_launches(vendors: list[Vendor]) -> frozenset[str]:
    """Accelerator resources of the pods that each have launches of their own."""
    counted = (vendor for vendor in vendors if vendor.profile.counts_launches_by_pod)
    return frozenset(resource for vendor in counted for resource in vendor.roster.resources)


def distrust(vendors: list[Vendor]) -> dict[str, Distrust]:
    """Whose series cannot be attributed, by the accelerator resource of their pods."""
    return {
        resource: Distrust(vendor.label_mode, vendor.problem)
        for vendor in vendors
        if vendor.problem
        for resource in vendor.roster.resources
    }
