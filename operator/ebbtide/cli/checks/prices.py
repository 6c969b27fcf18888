"""Whether every accelerator node has a price."""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from ebbtide.cli.checks.line import Line, failed, ok, skipped
from ebbtide.cli.remedies import remedy
from ebbtide.cluster.client import Client
from ebbtide.core.pricing import HOW_TO_END_OVERLAP, HOW_TO_PRICE, WITHOUT_EFFECT, PriceBook
from ebbtide.core.reason import Reason
from ebbtide.core.snapshot import Catalog
from ebbtide.core.workload import Node
from ebbtide.objects.errors import ApiError
from ebbtide.objects.resources import NODES, PRICE_CATALOGS, Resource
from ebbtide.objects.views_node import decode_node
from ebbtide.objects.views_policy import decode_catalog

TITLE: Final = "prices"
_SHOWN: Final = 3


async def of_nodes(client: Client, currency: str, now: float) -> list[Line]:
    """A line for each catalog that cannot be read, and one about the nodes."""
    try:
        catalogs = [decode_catalog(raw)[1] for raw in await _all(client, PRICE_CATALOGS)]
        nodes = [decode_node(raw)[1] for raw in await _all(client, NODES)]
    except ApiError as error:
        why = "PriceCatalogs are not installed, see above" if error.not_found else error.message
        return [skipped(TITLE, f"cannot be read: {why}")]
    unread = [failed(TITLE, f"PriceCatalog {one.name} is not used: {one.problem}") for one in catalogs if one.problem]
    foreign = [_foreign(one.name, one.spec.currency, currency) for one in catalogs if one.spec is not None]
    return [
        *unread,
        *filter(None, foreign),
        _coverage(catalogs, [node for node in nodes if node.accelerators], currency, now),
    ]


async def _all(client: Client, resource: Resource) -> list[msgspec.Raw]:
    class Items(msgspec.Struct):
        items: list[msgspec.Raw]

    return [
        raw async for page in client.list_pages(resource) for raw in msgspec.json.decode(page.body, type=Items).items
    ]


def _foreign(name: str, its: str, currency: str) -> Line | None:
    if its == currency:
        return None
    return failed(TITLE, f"PriceCatalog {name} is in {its}, not in {currency}. {remedy(Reason.CurrencyMismatch)}")


def _coverage(catalogs: Sequence[Catalog], nodes: Sequence[Node], currency: str, now: float) -> Line:
    if not nodes:
        return skipped(TITLE, "no node has an accelerator yet")
    book = PriceBook(catalogs, {node.name: node for node in nodes}, currency, now)
    unpriced = [node.name for node in nodes if book.rate(node.name).per_device is None]
    if not unpriced:
        return ok(TITLE, f"{len(nodes)} of {len(nodes)} accelerator nodes have a price in {currency}")
    count = f"{len(unpriced)} of {len(nodes)} accelerator nodes have no price in {currency} ({_named(unpriced)})"
    if not catalogs:
        return failed(TITLE, f"{count}: there is no PriceCatalog; create one")
    return failed(TITLE, f"{count}: {'. '.join(_remedies(unpriced, book, currency))}")


def _remedies(unpriced: Sequence[str], book: PriceBook, currency: str) -> Iterator[str]:
    """Each cause with its own: a row that is added beside one that matches already would make two that overlap."""
    rates = {name: book.rate(name) for name in unpriced}
    matched = [f"row {rate.row_id} matches {name}" for name, rate in rates.items() if rate.row_id]
    if matched:
        yield f"{_named(matched)}, but {WITHOUT_EFFECT}: {HOW_TO_PRICE}"
    twice = [name for name, rate in rates.items() if rate.reason is Reason.CatalogOverlap]
    if twice:
        yield f"two equally specific rows match {_named(twice)}: {HOW_TO_END_OVERLAP}"
    bare = [name for name, rate in rates.items() if not rate.row_id and name not in twice]
    if bare:
        whose = "" if len(bare) == len(unpriced) else f" for {_named(bare)}"
        yield f"add one matching row{whose} to a PriceCatalog in {currency}; `kubectl get node --show-labels`"


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
