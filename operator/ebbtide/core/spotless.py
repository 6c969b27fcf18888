"""The short cut of judging: a gang whose devices have nothing that any check for Unknown could object to.

Sufficient, not necessary: what it lets pass, the checks let pass too (a property test holds them together); what it
stops is looked at closely. It reads the sums of the evidence only, so most of a fleet costs about a microsecond each.
"""

from ebbtide.core.device_window import Window
from ebbtide.core.evidence import DeviceEvidence
from ebbtide.core.gang import Tally
from ebbtide.core.signal import DRAM, ENERGY, ENGINE, TENSOR, UTILISATION
from ebbtide.core.workload import Instant

_BITS = (UTILISATION, ENGINE, TENSOR, DRAM)
_SLOTS_OF_MASK = tuple(tuple(slot for slot in _BITS if mask >> slot & 1) for mask in range(16))
"""Slots of the activity signals that a mask names."""
_TWO_FAMILIES = frozenset(mask for mask in range(16) if mask & 1 and mask & 14)
_TWO_FAMILIES_MIG = frozenset(mask for mask in range(16) if mask & 2 and mask & 12)


def is_spotless(tally: Tally) -> bool:
    """True only if no check from wrong_owner to shared_device can hit."""
    edge, now = tally.edge, tally.gang.now
    for pod, start, devices in tally.held:
        resource = pod.accelerator_resource
        if len(devices) < pod.accelerators or resource.endswith(".shared"):
            return False
        begin = max(edge, start)
        mig = resource.startswith("nvidia.com/mig-")
        for device in devices:
            if not _is_calm(device, begin, now) or (mig and not device.mig):
                return False
            if device.mask in (_TWO_FAMILIES_MIG if device.mig else _TWO_FAMILIES):
                continue
            if len(Window(pod, device, begin, now, tally.gang.rule.thresholds).families()) < 2:
                return False
    return True


def _is_calm(device: DeviceEvidence, begin: Instant, now: Instant) -> bool:
    """No missing sample, no untrue one, no sharer, nothing odd about power or energy."""
    gap, head, meter = device.pace.gap, device.head, device.meter
    if (
        device.clean_since - begin > gap
        or now - begin <= gap
        or device.last_busy_at > begin
        or device.bad_at > begin
        or device.peers is not None
        or (device.hot_at > begin and not device.mig)
    ):
        return False
    if meter is not None and (meter.odd_from >= begin or head[ENERGY] - meter.differs > device.pace.hole):
        return False
    for slot in _SLOTS_OF_MASK[device.mask]:  # noqa: SIM110  a generator costs as much as the rest of the function
        if now - head[slot] > gap:
            return False
    return True
