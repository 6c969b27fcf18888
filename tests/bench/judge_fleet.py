"""Micro benchmark: evidence of a whole fleet folded and judged. `python tests/bench/judge_fleet.py` prints the numbers.

5,000 gangs of 10 pods with one device each: 60 % active, 40 % cleanly idle, 70 minutes of all signals at 60 s.
"""

import gc
import json
import random
import time
import tracemalloc

import msgspec

from ebbtide.core.auto_timeout import AutoTimeout
from ebbtide.core.evidence import EvidenceBook, Signal
from ebbtide.core.gang import Gang
from ebbtide.core.idle_hazard import Seen
from ebbtide.core.idle_history import IdleHistory
from ebbtide.core.idle_rule import IdleRule
from ebbtide.core.judgement import Verdict
from ebbtide.core.lineup import Lineup
from ebbtide.core.snapshot import MetricsHealth
from ebbtide.core.verdict import describe, judge, judge_thoroughly
from ebbtide.core.workload import Attribution, Pod
from ebbtide.samples.idle_watch import IdleWatch, Watched

START = 1_780_000_000.0
INTERVAL = 60.0
SCRAPES = 70
PODS_PER_GANG = 10
MODEL = "NVIDIA H100 80GB HBM3"
AUTO_MINUTES = 120
NOW = START + (SCRAPES - 1) * INTERVAL + 20


def pod(gang: int, rank: int) -> Pod:
    """A pod that is Ready since the beginning."""
    return Pod(
        uid=f"uid-{gang}-{rank}", namespace=f"ns-{gang % 50}", name=f"job-{gang}-{rank}", owner_uid=f"job-{gang}",
        node=f"node-{gang}", phase="Running", created_at=START - 60, bound_at=START - 50, ready_since=START - 5,
        ended_at=None, deleting=False, accelerators=1, accelerator_resource="nvidia.com/gpu", failing=None,
        unschedulable=False, checkpointed_at=None, attribution=Attribution(), cpu=8.0, memory_bytes=1 << 36,
    )  # fmt: skip


def values(noise: random.Random, minute: int, *, busy: bool) -> dict[Signal, float]:
    """One scrape of one device, with the noise of a real board."""
    engine = noise.uniform(0.7, 0.99) if busy else 0.0
    watts = 600 + noise.uniform(-60, 60) if busy else 71 + noise.uniform(-2, 2)
    return {
        Signal.Utilisation: float(noise.randint(80, 100)) if busy else 0.0,
        Signal.Engine: engine,
        Signal.Tensor: engine / 2,
        Signal.Dram: engine / 3,
        Signal.Power: watts,
        Signal.Energy: 1e9 + minute * INTERVAL * (600_000 if busy else 71_000) + noise.random(),
        Signal.MemoryPercent: 60.0,
    }


def fill(book: EvidenceBook, gangs: int) -> float:
    """Fold the history of a fleet; seconds of the last scrape."""
    noise, began = random.Random(7), 0.0
    for minute in range(SCRAPES):
        began = time.perf_counter()
        for gang in range(gangs):
            for rank in range(PODS_PER_GANG):
                at = START + minute * INTERVAL + (gang % 20)
                names = (f"ns-{gang % 50}", f"job-{gang}-{rank}", f"GPU-{gang:030d}-{rank:05d}", MODEL)
                for signal, value in values(noise, minute, busy=gang % 5 < 3 or minute < 5).items():
                    book.fold(*names, signal, at, value)
    return time.perf_counter() - began


def fleet(book: EvidenceBook, gangs: int) -> list[Gang]:
    """One gang per workload, as a tick builds them."""
    health, rule = MetricsHealth(up=True, reaches_back_to=START - 86_400, label_mode="exported"), IdleRule()
    return [
        Gang(NOW, Lineup.of(pod(gang, rank) for rank in range(PODS_PER_GANG)), book, rule, health, INTERVAL)
        for gang in range(gangs)
    ]


def with_auto(gangs: list[Gang]) -> list[Gang]:
    """The same under a policy that says afterSeconds: Auto, each with hours of idle runs behind it."""
    noise, history = random.Random(7), IdleHistory()
    patience = [noise.uniform(2, 40) for _ in gangs]
    for _ in range(AUTO_MINUTES):
        history.step(a_minute(noise, patience))
    return [
        msgspec.structs.replace(gang, timeout=AutoTimeout(history, str(place), 300.0 + place % 600, 600, 1200, None))
        for place, gang in enumerate(gangs)
    ]


def a_minute(noise: random.Random, patience: list[float]) -> dict[str, list[tuple[str, Seen]]]:
    """What each workload did: its idle runs last some minutes each. Fifty groups of siblings."""
    seen: dict[str, list[tuple[str, Seen]]] = {}
    for place, minutes in enumerate(patience):
        what = Seen.Busy if noise.random() < 1 / minutes else Seen.Idle
        seen.setdefault(f"ns-{place % 50}", []).append((str(place), what))
    return seen


def count_ms(gangs: list[Gang]) -> float:
    """Milliseconds to count one minute of everybody's idle runs, as happens once a minute."""
    watch, book = IdleWatch(), gangs[0].book
    rule, at = IdleRule(), START + SCRAPES * INTERVAL // 2 // 60 * 60
    watch.watch(
        Watched(
            *(str(place), f"ns-{place % 50}", rule, gang.lineup),
            paused_since=None,
            resumed=False,
            busy=[at + 30] * PODS_PER_GANG if place % 5 < 3 else [],
        )
        for place, gang in enumerate(gangs)
    )
    began = time.perf_counter()
    watch.count(book, at, at + book.history.step_seconds)
    return 1000 * (time.perf_counter() - began)


def best_of(times: int, work: object) -> float:
    """Milliseconds of the fastest run: the others measure the machine."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()  # type: ignore[operator]
        found.append(time.perf_counter() - began)
    return 1000 * min(found)


def memory_per_device(gangs: int = 50) -> float:
    """Bytes per device of the mix, identities included."""
    tracemalloc.start()
    book = EvidenceBook(INTERVAL, START - 86_400)
    fill(book, gangs)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return held / len(book)


def run(gangs: int = 5000) -> dict[str, float]:
    """The numbers, for the fleet of the design by default."""
    book = EvidenceBook(INTERVAL, START - 86_400)
    fold_seconds = fill(book, gangs)
    all_gangs = fleet(book, gangs)
    learnt = with_auto(all_gangs)
    gc.collect()
    return {
        "devices": float(len(book)),
        "judge_ms": best_of(5, lambda: [judge(gang) for gang in all_gangs]),
        "judge_auto_ms": best_of(5, lambda: [judge(gang) for gang in learnt]),
        "count_auto_ms": min(count_ms(all_gangs) for _ in range(3)),
        "judge_thoroughly_ms": best_of(1, lambda: [judge_thoroughly(gang) for gang in all_gangs]),
        "describe_ms_per_gang": best_of(3, lambda: describe(all_gangs[4], judge(all_gangs[4]))),
        "fold_microseconds_per_sample": 1e6 * fold_seconds / (7 * len(book)),
        "bytes_per_device": memory_per_device(),
        "idle_gangs": float(sum(judge(gang).verdict is Verdict.Idle for gang in all_gangs)),
    }


if __name__ == "__main__":
    print(json.dumps({name: round(value, 3) for name, value in run().items()}, indent=1))  # noqa: T201
