"""Which labels name the pod that holds a device.

Told from live series, never guessed: a wrong answer would judge the exporter's own pod, or the wrong work.
"""

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from ebbtide.core.workload import Pod
from ebbtide.samples.profile import PodLabels, Profile
from ebbtide.samples.roster import Roster
from ebbtide.samples.settings import LabelMode

UNLABELLED = "Unlabelled"
"""Stands for the mode where the series name devices only, or pods only."""


@dataclass(frozen=True, slots=True)
class Labelling:
    """The labels in force; names None: nothing may be attributed, and `problem` says why, if that is a problem."""

    names: PodLabels | None
    seen: str = ""
    """The mode for people; with a problem empty where labels are understood in no way (LabelModeUnknown)."""
    problem: str = ""


class _Doubt(Enum):
    """Why a series names no pod that we know, the most telling first."""

    Twin = "another UID"
    Stranger = "a pod that is not ours"
    Target = "a pod that is not ours, by plain labels"
    Nobody = "no pod"
    Nothing = "no device"


class Census:
    """Counts what live series offer.

    A form of labels is believed where it names a pod that requests an accelerator: the exporter itself requests none.
    A series with `exported_` labels is read by those alone: what stands beside them is the scrape target's.
    """

    def __init__(self, profile: Profile, roster: Roster) -> None:
        self._profile = profile
        self._roster = roster
        self._found: Counter[PodLabels] = Counter()
        self._doubts: dict[_Doubt, Labelling] = {}
        """What to say about the first series of each kind."""

    def __bool__(self) -> bool:
        return bool(self._found or self._doubts)

    def add(self, labels: dict[str, str]) -> None:
        """Counts one series by the first form that names a pod we know."""
        claim: PodLabels | None = None
        for names in self._profile.pod_labels:
            if labels.get(names.pod) and labels.get(names.namespace):
                if self._roster.named(labels, names) is not None:
                    break
                claim = claim or names
                if names.mode is LabelMode.Exported:
                    self._doubt(labels, claim)
                    return
        else:
            self._doubt(labels, claim)
            return
        if self._profile.board(labels):
            self._found[names] += 1
        else:
            self._doubts.setdefault(_Doubt.Nothing, _nothing(self._profile, names))

    def labelling(self, wanted: LabelMode, waiting: int) -> Labelling:
        """The labels in force. `waiting`: pods that hold devices for long enough to be named by some series."""
        if wanted is not LabelMode.Auto:
            return self._forced(wanted, waiting)
        return self._told(self._found, waiting)

    def _forced(self, wanted: LabelMode, waiting: int) -> Labelling:
        found = Counter({names: count for names, count in self._found.items() if names.mode is wanted})
        if found or (self._doubts and not self._found):
            return self._told(found, waiting)
        usual = self._profile.names(wanted)
        if not waiting or not self._found:
            return Labelling(usual, str(wanted))
        return Labelling(
            None,
            str(wanted),
            f"metrics.labelMode is {wanted}, but no live series names a pod with an accelerator in its label "
            f"{usual.pod}: set metrics.labelMode to Auto, or correct honorLabels of the scrape.",
        )

    def _told(self, found: Counter[PodLabels], waiting: int) -> Labelling:
        if len(found) > 1:
            return Labelling(None, "", _mixed(found))
        for names in found:
            return Labelling(names, str(names.mode))
        doubt = next((self._doubts[kind] for kind in _Doubt if kind in self._doubts), Labelling(None))
        return doubt if waiting else Labelling(None, doubt.seen)

    def _doubt(self, labels: dict[str, str], claim: PodLabels | None) -> None:
        if claim is None:
            self._doubts.setdefault(_Doubt.Nobody, _nobody(self._profile))
            return
        namespace, pod = labels[claim.namespace], labels[claim.pod]
        known = self._roster.find(namespace, pod)
        if known is not None:
            told = _twin(self._profile, labels, known)
            self._doubts.setdefault(_Doubt.Twin, Labelling(None, str(claim.mode), told))
        elif claim.mode is LabelMode.Plain:
            self._doubts.setdefault(_Doubt.Target, Labelling(None, "", _target(namespace, pod)))
        else:
            told = _stranger(claim, namespace, pod)
            self._doubts.setdefault(_Doubt.Stranger, Labelling(None, str(claim.mode), told))


def _nobody(profile: Profile) -> Labelling:
    return Labelling(None, UNLABELLED, f"Series name devices but no pods: {profile.remedy}.")


def _nothing(profile: Profile, names: PodLabels) -> Labelling:
    return Labelling(
        None,
        UNLABELLED,
        f"Series name pods (label {names.pod}) but no device: none of the labels {', '.join(profile.unit_labels)} is "
        "there. Keep it in relabelings of the scrape.",
    )


def _mixed(found: Counter[PodLabels]) -> str:
    forms = sorted(found.items(), key=lambda form: (form[0].mode, form[0].namespace))
    told = " and ".join(f"{count} by {names.namespace} and {names.pod}" for names, count in forms)
    return (
        f"Series name their pods in different ways ({told}): scrape all exporters with the same honorLabels and target "
        "labels, pin one job in metrics.matchLabels, or set metrics.labelMode."
    )


def _twin(profile: Profile, labels: dict[str, str], pod: Pod) -> str:
    name = next(name for name in profile.uid_labels if labels.get(name))
    return (
        f"Label {name} says {labels[name]} for pod {pod.namespace}/{pod.name}, whose UID is {pod.uid}: pin this "
        f"cluster's series in metrics.matchLabels, and let no relabeling of the scrape set {name}."
    )


def _target(namespace: str, pod: str) -> str:
    return (
        f"No live series names a pod that holds a device: label pod says {namespace}/{pod}, which requests no "
        "accelerator and may be the exporter itself. Check that the exporter maps devices to pods, and honorLabels "
        "of the scrape."
    )


def _stranger(names: PodLabels, namespace: str, pod: str) -> str:
    return (
        f"No live series names a pod of this cluster that requests an accelerator: label {names.pod} says "
        f"{namespace}/{pod}. Pin this cluster's series in metrics.matchLabels."
    )
