"""The short cut of judging: a gang whose devices have nothing that any check for Unknown could object to.

Sufficient, not necessary: what it lets pass, the checks let pass too (a property test holds them together); what it
stops is looked at closely. It reads the sums of the evidence only, so most of a fleet costs about a microsecond each;
a device that misses samples within the tolerance, as all do for a while after a scrape was lost, costs five.
"""

from math import inf

from ebbtide.core import series
from ebbtide.core.device_window import HOLE_POWER_FACTOR, MISSING_SHARE, ROUNDING, Window
from ebbtide.core.evidence import NEVER, DeviceEvidence
from ebbtide.core.gang import Tally
from ebbtide.core.signal import DRAM, ENERGY, ENGINE, LAUNCHES, TENSOR, UTILISATION, Thresholds
from ebbtide.core.traces import BAD, CLEAN, DIFFERS, FIRST, HOT, ODD
from ebbtide.core.workload import Instant, Pod

_BITS = (UTILISATION, ENGINE, TENSOR, DRAM, LAUNCHES)
_MASKS = range(1 << len(_BITS))
_SLOTS_OF_MASK = tuple(tuple(slot for slot in _BITS if mask >> slot & 1) for mask in _MASKS)
"""Slots of the activity signals that a mask names."""
_TWO_FAMILIES = frozenset(mask for mask in _MASKS if bool(mask & 1) + bool(mask & 14) + bool(mask & 16) > 1)
_TWO_FAMILIES_MIG = frozenset(mask for mask in _MASKS if bool(mask & 2) + bool(mask & 12) + bool(mask & 16) > 1)


def is_spotless(tally: Tally) -> bool:
    """True only if no check from wrong_owner to shared_device can hit."""
    edge, now, limits = tally.edge, tally.gang.now, tally.gang.rule.thresholds
    sharing, shares = tally.gang.sharing_nodes, tally.gang.book.shares
    for pod, start, devices in tally.held:
        resource = pod.accelerator_resource
        if len(devices) < pod.accelerators or resource.endswith(".shared") or pod.node in sharing:
            return False
        if shares and any(device.id in shares for device in devices):
            return False
        begin = max(edge, start)
        mig = resource.startswith("nvidia.com/mig-")
        for device in devices:
            if not _is_calm(device, begin, now) or (mig and not device.mig):
                return False
            if device.head[CLEAN] - begin > device.pace.gap and not _tolerates(pod, device, begin, now, limits):
                return False
            if device.mask in (_TWO_FAMILIES_MIG if device.mig else _TWO_FAMILIES):
                continue
            if len(Window(pod, device, begin, now, limits).families()) < 2:
                return False
    return True


def _is_calm(device: DeviceEvidence, begin: Instant, now: Instant) -> bool:
    """Fresh, no busy sample and no untrue one, no sharer, nothing odd about power or energy."""
    pace, head = device.pace, device.head
    gap, length, read = pace.gap, now - begin, head[ENERGY]
    if (
        length <= gap
        or device.last_busy_at > begin
        or head[BAD] > begin
        or device.peers is not None
        or (head[HOT] > begin and not device.mig)
        or (read > NEVER and (head[ODD] >= begin or read - head[DIFFERS] > pace.hole))
    ):
        return False
    # As long as the newest sample is fresh, one interval at most is missing at the end: windows of ten tolerate that.
    fresh, patience = now - pace.stale, inf if length * MISSING_SHARE >= pace.interval else gap
    for slot in _SLOTS_OF_MASK[device.mask]:
        at = head[slot]
        if at < fresh or now - at > patience:
            return False
    return True


def _tolerates(pod: Pod, device: DeviceEvidence, begin: Instant, now: Instant, limits: Thresholds) -> bool:
    """What is missing is little enough, and the energy counter saw no work meanwhile."""
    head, pace, most = device.head, device.pace, MISSING_SHARE * (now - begin) + ROUNDING
    seen: tuple[object, ...] = ()
    for slot in _SLOTS_OF_MASK[device.mask]:
        first, last, gaps = head[slot + FIRST], head[slot], device.gaps_of(slot)
        if (first, last, gaps) == seen:
            continue  # signals of one scrape miss the same samples
        seen = (first, last, gaps)
        missing, hole = series.absence(first, last, gaps, begin, now, pace.interval)
        if missing > most or hole > pace.hole:
            return False
    compared = Window(pod, device, begin, now, limits).power_over_holes()
    return compared is None or compared[0] <= HOLE_POWER_FACTOR * compared[1]
