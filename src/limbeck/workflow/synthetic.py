"""Synthetic newsletter customers as Parquet files, with the truth beside them; the process is in `newsletter`.

People are drawn in blocks of `BLOCK`, each from random streams of its own (seed, block, and day), and one block is in
memory at a time. So the same settings give the same bytes (of one version of NumPy and PyArrow), and more people add
blocks, more days add events, without a change to the blocks and days that were there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from limbeck.errors import InvalidInput
from limbeck.workflow import newsletter
from limbeck.workflow.imperfections import Accounts, untidy
from limbeck.workflow.newsletter import DAY, Day, Flags, People, Random, Whole
from limbeck.workflow.oracle import Moment, Oracle, busy
from limbeck.workflow.question import Span
from limbeck.workflow.treatment import EFFECTS, TREATMENTS, Treatment
from limbeck.workflow.world import Generator

BLOCK = 20_000
ACCOUNTS, NAMES = 1, 2
"""What is drawn from streams beside those of people and days; `treatment` and `imperfections` have others."""
FLUSH = 500_000
"""Events of a block that are written together."""
EPOCH = date(1970, 1, 1)

EVENTS, PROFILES, TRUTH, SECOND_NAMES = "events", "profiles", "truth.parquet", "links.parquet"
TREATED = "treatment"
"""Type of the event of being treated."""

FIRST_NAMES = (
    *("Adala", "Bertil", "Corvin", "Delia", "Edda", "Fenno", "Gesine", "Hadro", "Ilka", "Jorun", "Kester", "Lioba"),
    *("Marit", "Nelian", "Odila", "Perrin", "Quirina", "Runa", "Selmar", "Tilda", "Ulwin", "Vesna", "Wido", "Yorick"),
)
LAST_NAMES = (
    *("Ashgrove", "Birkwell", "Callory", "Dunmere", "Elverton", "Farrowby", "Greywick", "Hollen", "Iverness", "Jarrow"),
    *("Kestrel", "Lorimar", "Marlowe", "Netherby", "Oakhurst", "Pellam", "Quillon", "Rosmere", "Sedgwick", "Thornby"),
    *("Underhay", "Venning", "Wetherell", "Yarwood"),
)
CITIES = (
    *(("Springfield", "IL", "United States", "US"), ("Riverton", "UT", "United States", "US")),
    *(("Fairview", "TX", "United States", "US"), ("Salem", "OR", "United States", "US")),
    *(("Ashland", "KY", "United States", "US"), ("Kingston", "ON", "Canada", "CA")),
    *(("Sherbrooke", "QC", "Canada", "CA"), ("Hamilton", "ON", "Canada", "CA")),
)
TIERS = ("bronze", "silver", "gold")
HOSTS = ("example.com", "example.org")
CHOICES = ("n", "y")

PAGES = ("home", "news", "offers", "stories", "help", "about", "stores")
PRODUCTS = ("lamp", "kettle", "chair", "blanket", "clock", "basket", "vase", "mirror", "rug", "bench")
LINKS = ("read more", "see all", "next", "share", "find a store")
FORM = "subscribe"
PLACES = (*PAGES, *(f"product {name}" for name in PRODUCTS), FORM)
URLS = tuple(f"https://www.example.com/{place.replace(' ', '/')}" for place in PLACES)

_TEXTS = ("userid", "type", "page", "url", "link", "message")
_MEASURES = {
    "page_views": newsletter.PAGE,
    "link_clicks": newsletter.LINK,
    "product_views": newsletter.PRODUCT,
    "sends": newsletter.EMAIL_SENT,
    "opens": newsletter.OPENED,
    "clicks": newsletter.CLICKED,
}
_TEXT = pa.dictionary(pa.int32(), pa.string())
_TIME = pa.timestamp("ms")

EVENT_SCHEMA = pa.schema(
    [("id", pa.string()), ("timestamp", _TIME), *((n, _TEXT) for n in _TEXTS), *((n, pa.float64()) for n in _MEASURES)]
)
RECEIVED = pa.field("received", _TIME)
TRUTH_SCHEMA = pa.schema([("entity_id", pa.string()), ("cutoff", _TIME), ("probability", pa.float64())])
PERSON_SCHEMA = pa.schema([("person", pa.string()), ("person_probability", pa.float64())])
UPLIFT_SCHEMA = pa.schema([("uplift", pa.float64()), ("effect", pa.string())])
LINK_SCHEMA = pa.schema([("entity_id", pa.string()), ("person", pa.string())])


def generate(settings: Generator, folder: Path, spans: Sequence[Span]) -> None:
    """Write people, what they did, and how likely they were to fill in the form in each of *spans*, from a cutoff on.

    *folder* gets for each block of people `profiles-00000.parquet` (columns `userid`, `first_name`, `last_name`,
    `email`, `birth_year`, `city`, `state`, `country`, `country_code`, `tier`, `points`, `consent` (y, n or absent),
    `opted_out`; some people have no profile) and `events-00000.parquet` (columns `id`, `userid`, `timestamp` in UTC,
    `type`, `page`, `url`, `link`, `message` and a 1 in the measure of the event's type; in the order of time), and one
    `truth.parquet`: `entity_id`, `cutoff`, `probability`, for every person at every cutoff.

    With `settings.late`, events have a column `received`. With `settings.identities` the truth has also `person` (the
    first identity; null for bots) and `person_probability`, and `links.parquet` the second identities: `entity_id`,
    `person`. With `settings.treated` it has also `uplift` and `effect` (null for bots). Bots have the probability 0.

    The probability is exact, given the state in which the process is at the cutoff, and what everybody has done on its
    day. Cutoffs are whole milliseconds of the days of *settings*, none is there twice.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        truth = stack.enter_context(_writer(folder / TRUTH, truth_schema(settings)))
        links = stack.enter_context(_writer(folder / SECOND_NAMES, LINK_SCHEMA)) if settings.identities else None
        for number in range(-(-settings.people // BLOCK)):
            block = _Block(settings, number)
            truth.write_table(block.write(folder, spans))
            if links is not None:
                links.write_table(block.links())


def truth(settings: Generator, spans: Sequence[Span]) -> Iterator[pa.Table]:
    """Yield the truth of any *spans* from a cutoff on, for one block of people after the other, as `generate` does.

    The people live once more up to the last of the cutoffs, as they did when the data were made, without events being
    written; so it is what they are then that decides. Raise `InvalidInput` for a cutoff that is not within their days.
    """
    for cutoff in (span.first for span in spans):
        if not datetime.combine(settings.start, time()) <= cutoff <= settings.end:
            wanted = f"a time from {settings.start} to {settings.end:%Y-%m-%d}, within the days of [generator]"
            raise InvalidInput(f"the truth is asked for at {cutoff:%Y-%m-%d %H:%M}; wanted is {wanted}")
    for number in range(-(-settings.people // BLOCK)):
        yield _Block(settings, number).truth(spans)


def truth_schema(settings: Generator) -> pa.Schema:
    """Return the columns of the truth of these *settings*."""
    more = (settings.identities, PERSON_SCHEMA), (settings.treated, UPLIFT_SCHEMA)
    return pa.schema([*TRUTH_SCHEMA, *(field for asked, schema in more if asked for field in schema)])


def stream(seed: int, block: int, day: int) -> Random:
    """Return the random stream of a block's day."""
    return np.random.default_rng([seed, block, day + 1])  # a zero at the end would be the stream of the people


def _writer(path: Path, schema: pa.Schema) -> Any:
    return pq.ParquetWriter(path, schema, compression="zstd", store_schema=False)


class _Block:
    """A block of people, and all that is known of them."""

    def __init__(self, settings: Generator, number: int) -> None:
        random = np.random.default_rng([settings.seed, number])
        self._settings, self._number = settings, number
        self._people = People.draw(
            min(BLOCK, settings.people - number * BLOCK), random, newsletter.PROCESSES[settings.preset]
        )
        count = len(self._people.kind)
        first = _ids(count, random)
        self._profiles = _profiles(self._people, first, number, settings.start.year, random)
        self._accounts = Accounts.draw(settings, count, self._stream(-1, ACCOUNTS))
        self._treatment = Treatment.draw(settings, self._people, self._stream(-1, TREATMENTS))
        more = _ids(self._accounts.more, self._stream(-1, NAMES))
        self._ids = pa.concat_arrays([first, more]) if len(more) else first

    def _stream(self, day: int, purpose: int) -> Random:
        return np.random.default_rng([self._settings.seed, self._number, day + 1, purpose])

    def write(self, folder: Path, spans: Sequence[Span]) -> pa.Table:
        """Write profiles and events, and return the truth."""
        settings, number = self._settings, self._number
        with _writer(folder / f"{PROFILES}-{number:05d}.parquet", self._profiles.schema) as writer:
            writer.write_table(self._profiles)
        found: list[pa.Table] = []
        with _writer(folder / f"{EVENTS}-{number:05d}.parquet", event_schema(settings)) as writer:
            written = 0
            for some in _gathered(self._days(self._by_day(spans), found)):
                events = _events(some, self._ids, settings, number * 10**9 + written)
                writer.write_table(events)
                written += len(events) - sum(int(day.again.sum()) for day in some if day.again is not None)
        return pa.concat_tables(found)

    def truth(self, spans: Sequence[Span]) -> pa.Table:
        """Return the truth of *spans*, and write nothing."""
        asked = self._by_day(spans)
        days = islice(self._lives(), max(asked) + 1)
        return pa.concat_tables([self._truth(day, span) for day in days for span in asked.get(day.number, ())])

    def _by_day(self, spans: Sequence[Span]) -> dict[int, list[Span]]:
        """Return the spans that begin on each day, by its number, in the order of time."""
        found: dict[int, list[Span]] = {}
        for span in sorted(spans, key=lambda span: span.first):
            found.setdefault(_moment(self._settings, span.first)[0], []).append(span)
        return found

    def _lives(self) -> Iterator[Day]:
        settings = self._settings
        return newsletter.live(
            self._people,
            settings.days,
            lambda day: stream(settings.seed, self._number, day),
            lambda day: busy(settings, day),
            self._treatment.effects,
            settings.evening,
        )

    def _days(self, asked: Mapping[int, Sequence[Span]], found: list[pa.Table]) -> Iterator[Day]:
        """Yield each day with all that spoils it; *found* gets the truth of the spans that begin on it."""
        settings, treatment = self._settings, self._treatment
        for day in self._lives():
            found += [self._truth(day, span) for span in asked.get(day.number, ())]
            treated = treatment.given(day, self._stream(day.number, TREATMENTS))
            yield untidy(settings, self._accounts, treated, self._stream)

    def _truth(self, day: Day, span: Span) -> pa.Table:
        oracle = Oracle(self._settings, self._people, self._accounts, self._treatment, self._stream)
        true = oracle.at(day, _moment(self._settings, span.first)[1], _moment(self._settings, span.until))
        owner = self._accounts.owner
        bot = owner < 0
        columns = {
            "entity_id": self._ids,
            "cutoff": pa.repeat(pa.scalar(span.first, _TIME), len(self._ids)),
            "probability": true.probability,
            "person": self._ids.take(pa.array(owner, mask=bot)),
            "person_probability": true.whole,
            "uplift": true.uplift,
            "effect": pa.array(EFFECTS).take(pa.array(self._treatment.kind[owner], mask=bot)),
        }
        schema = truth_schema(self._settings)
        return pa.table([columns[name] for name in schema.names], schema)

    def links(self) -> pa.Table:
        """Return whose the second identities are."""
        split = self._accounts.split
        second = self._ids.slice(self._accounts.people, len(split))
        return pa.table([second, self._ids.take(pa.array(split))], LINK_SCHEMA)


def _moment(settings: Generator, moment: datetime) -> Moment:
    passed = moment - datetime.combine(settings.start, time())
    return divmod(passed // timedelta(milliseconds=1), DAY)


def _gathered(days: Iterator[Day]) -> Iterator[list[Day]]:
    """Put days together until they have enough events to be written."""
    some: list[Day] = []
    events = 0
    for day in days:
        some.append(day)
        events += len(day.time)
        if events >= FLUSH:
            yield some
            some, events = [], 0
    yield some


# -- texts --------------------------------------------------------------------------------------------------------


def _ids(count: int, random: Random) -> pa.Array:
    """Return identities of 38 digits."""
    most = np.iinfo(np.int64).max
    head = pa.array(random.integers(10**18, most, count)).cast(pa.string())
    tail = pa.array(random.integers(0, most, count)).cast(pa.string())
    return pc.binary_join_element_wise(head, pc.utf8_lpad(tail, 19, "0"), "")


def _named(numbers: Whole, names: Sequence[str] | pa.Array, present: Flags | None = None) -> pa.Array:
    """Return the *names*, which differ, with these numbers, and nothing where they are not *present*."""
    missing = None if present is None else ~present
    chosen = pa.array(numbers.astype(np.int32), mask=missing)
    return pa.DictionaryArray.from_arrays(chosen, pa.array(names, pa.string()))


# -- profiles -----------------------------------------------------------------------------------------------------


def _profiles(people: People, ids: pa.Array, block: int, year: int, random: Random) -> pa.Table:
    """Return the profiles of those who have one."""
    count = len(ids)
    first, last, city, host = (
        random.integers(0, len(names), count) for names in (FIRST_NAMES, LAST_NAMES, CITIES, HOSTS)
    )
    points = np.round(random.gamma(2.0, 150.0 * (people.tier + 2)))
    first_name, last_name = _named(first, FIRST_NAMES), _named(last, LAST_NAMES)
    number = pa.array(block * BLOCK + np.arange(count)).cast(pa.string())
    parts = [pc.utf8_lower(name.cast(pa.string())) for name in (first_name, last_name)]
    address = pc.binary_join_element_wise(*parts, number, ".")
    rows = {
        "userid": ids,
        "first_name": first_name,
        "last_name": last_name,
        "email": pc.binary_join_element_wise(address, _named(host, HOSTS).cast(pa.string()), "@"),
        "birth_year": pa.array((year - people.age).astype(np.int32)),
        **{
            name: pa.array([place[n] for place in CITIES]).take(pa.array(city))
            for n, name in enumerate(("city", "state", "country", "country_code"))
        },
        "tier": _named(people.tier, TIERS, people.tier >= 0),
        "points": pa.array(points, mask=people.tier < 0),
        "consent": _named(people.consent, CHOICES, people.consent >= 0),
        "opted_out": pa.array(people.opted_out),
    }
    return pa.table(rows).filter(pa.array(people.has_profile))


# -- events -------------------------------------------------------------------------------------------------------


def event_schema(settings: Generator) -> pa.Schema:
    """Return the columns of the events of these *settings*."""
    return EVENT_SCHEMA.append(RECEIVED) if settings.late else EVENT_SCHEMA


def _events(days: Sequence[Day], ids: pa.Array, settings: Generator, first: int) -> pa.Table:
    """Return the events of some *days*, numbered from *first* on; one that comes twice keeps its number."""
    person, kind, detail = (np.concatenate([getattr(d, n) for d in days]) for n in ("person", "kind", "detail"))
    again, delay = (_put_together(days, name) for name in ("again", "delay"))
    number = np.repeat([(settings.start - EPOCH).days + d.number for d in days], [len(d.time) for d in days])
    time = np.concatenate([d.time for d in days])
    place, placed = _places(kind, detail)
    mailed = np.isin(kind, (newsletter.EMAIL_SENT, newsletter.OPENED, newsletter.CLICKED))
    rows = {
        "id": pa.array(first - 1 + np.cumsum(1 - again)).cast(pa.string()),
        "timestamp": pa.array((number * newsletter.DAY + time).astype("datetime64[ms]")),
        "received": pa.array((number * newsletter.DAY + time + delay).astype("datetime64[ms]")),
        "userid": _named(person, ids),
        "type": _named(kind, (*newsletter.KINDS, TREATED) if settings.treated else newsletter.KINDS),
        "page": _named(place, PLACES, placed),
        "url": _named(place, URLS, placed),
        "link": _named(detail % len(LINKS), LINKS, kind == newsletter.LINK),
        "message": _messages(number, mailed),
    }
    ones = np.ones(len(kind))
    rows |= {name: pa.array(ones, mask=kind != measured) for name, measured in _MEASURES.items()}
    schema = event_schema(settings)
    return pa.table([rows[name] for name in schema.names], schema)


def _put_together(days: Sequence[Day], name: str) -> Whole:
    """Return a column that days may lack, as whole numbers: 0 where they do."""
    parts = (np.zeros(len(d.time), np.int64) if (own := getattr(d, name)) is None else own for d in days)
    return np.concatenate([part.astype(np.int64) for part in parts])


def _places(kind: Whole, detail: Whole) -> tuple[Whole, Flags]:
    """Return the place where each event happens, and whether it has one."""
    places = {
        newsletter.PAGE: detail % len(PAGES),
        newsletter.PRODUCT: len(PAGES) + detail % len(PRODUCTS),
        newsletter.FORM: np.full(len(kind), len(PLACES) - 1),
    }
    chosen = [kind == one for one in places]
    return np.select(chosen, list(places.values()), 0), np.logical_or.reduce(chosen)


def _messages(number: Whole, mailed: Flags) -> pa.Array:
    """Return the e-mail of the day for events of e-mails; *number* counts days from 1970."""
    low, high = (int(number.min()), int(number.max())) if len(number) else (0, 0)
    names = [f"mail-{EPOCH + timedelta(days=day):%Y-%m-%d}" for day in range(low, high + 1)]
    return _named(number - low, names, mailed)
