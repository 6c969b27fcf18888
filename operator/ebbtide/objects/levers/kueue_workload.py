"""Kueue's Workload: spec.active of the object that Kueue makes for each job of a queue and that the job owns.

Trap: spec.suspend of such a job is Kueue's. One that somebody else suspends is started again with Kueue's next look at
it, one that somebody else starts is suspended. `active: false` evicts it and gives its quota back; `true` queues it
again, so that it may wait. Releases before 0.11 set it to true when the job was edited (kueue#6719): then the lever was
moved by somebody else, and is told so.
"""

from typing import Final

from ebbtide.core.workload import QUEUE_KIND, KindClass
from ebbtide.objects.levers.kind import Kind, by_conditions
from ebbtide.objects.resources import Resource

ACTIVE: Final = "/spec/active"

KUEUE_WORKLOAD: Final = Kind(
    QUEUE_KIND,
    Resource("kueue.x-k8s.io", "v1beta2", "workloads", "Workload"),
    KindClass.Neither,
    stopped={ACTIVE: False},
    running={ACTIVE: True},
    older=("v1beta1",),
    ended=by_conditions("Finished"),
)
"""No kind of workload itself: it carries the lever of one."""
