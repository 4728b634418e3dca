"""Storing many memories at once, from an export or a history: one transaction a batch, duplicates found in bulk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import anyio.to_thread

from athena_mcp.db.pool import Database
from athena_mcp.db.session import Session, Step
from athena_mcp.errors import EmbedderUnavailable, InvalidArgument
from athena_mcp.layers import graph
from athena_mcp.layers.projects import ensure_projects, lock_projects
from athena_mcp.layers.records import EVENT_REPEAT_S, NewMemory, insert_steps, next_ids
from athena_mcp.model import Layer, ProceduralDetails
from athena_mcp.remember.edges import EdgeBatch
from athena_mcp.remember.limits import WriteLimits
from athena_mcp.remember.prepare import Prepared, new_memory, prepare
from athena_mcp.remember.record import LoadReport, MemoryRecord
from athena_mcp.remember.redact import Redactor
from athena_mcp.remember.request import check_request
from athena_mcp.search.vector_arm import VectorArm
from athena_mcp.search.vectors import NewVector, vector_steps
from athena_mcp.validation import check_id, check_integer, check_time

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

MAX_COUNT = 2**31 - 1


class _Row(NamedTuple):
    record: MemoryRecord
    prepared: Prepared
    memory: NewMemory


class _Known(NamedTuple):
    project_id: int
    id: int
    layer: str
    key: str | None
    content_hash: bytes
    occurred_at: datetime | None
    created_at: datetime
    about: int | None
    superseded_at: datetime | None

    @property
    def live(self) -> bool:
        """Whether it has not been replaced."""
        return self.superseded_at is None


# memories_unique_key and memories_by_content serve its two halves. In binary, hashes cost the driver next to nothing.
_KNOWN = """
SELECT project_id, id, layer::text, key, content_hash, occurred_at, created_at, about_id, superseded_at
FROM athena.memories WHERE project_id = ANY (%(projects)s) AND key = ANY (%(keys)s)
UNION
SELECT m.project_id, m.id, m.layer::text, m.key, m.content_hash, m.occurred_at, m.created_at, m.about_id,
    m.superseded_at
FROM athena.memories m
WHERE m.project_id = ANY (%(projects)s) AND m.content_hash = ANY (%(hashes)b::bytea[])
"""
# Fresh ids come after all that are kept.
_KEEP_IDS = """
SELECT CASE WHEN nextval(s.name) < %(highest)s THEN setval(s.name, %(highest)s) END
FROM (SELECT pg_get_serial_sequence('athena.memories', 'id') AS name) AS s
"""
# Else the server may come to know a second late what has changed, and the end of the import goes by it (db/vacuum.py).
_TELL_STATISTICS = Step("SELECT pg_stat_force_next_flush()", {})
MAX_KEPT_ID = 2**53 - 1
"""A record with a higher id gets a fresh one: beyond it JavaScript takes one id for another."""
_TAKEN = "SELECT id, project_id, layer::text, content_hash FROM athena.memories WHERE id = ANY (%(ids)s)"


@dataclass(frozen=True, slots=True)
class BulkLoader:
    """Loads batches; see `MemoryManager.load`."""

    database: Database
    vectors: VectorArm
    redactor: Redactor
    limits: WriteLimits = field(default_factory=WriteLimits)

    async def ahead(self, records: Sequence[MemoryRecord]) -> list[MemoryRecord]:
        """The records checked, redacted and embedded in worker threads, so that `load` need not do it.

        One that cannot be accepted comes back as it is, for `load` to refuse.
        """
        checked = await anyio.to_thread.run_sync(lambda: [self._checked(record) for record in records])
        texts = [record.prepared.meaning for record in checked if record.prepared is not None]
        vectors = iter(await self._embed(texts))
        return [record if record.prepared is None else replace(record, vector=next(vectors)) for record in checked]

    def _checked(self, record: MemoryRecord) -> MemoryRecord:
        try:
            return replace(record, prepared=self._prepare(record))
        except InvalidArgument:
            return record

    async def load(
        self, records: Sequence[MemoryRecord], *, session_id: str, keep_ids: bool, known_ids: Mapping[int, int]
    ) -> LoadReport:
        """Store a batch in one transaction. Links (`about`, `superseded_by`) are ids of records: of this batch, or in
        `known_ids`. With `keep_ids` a record keeps its id. Raises InvalidArgument naming the line; then nothing of the
        batch is stored.
        """
        if not records:
            return LoadReport()
        prepared = [self._prepare(record) for record in records]
        embedded = await self._embedded(records, prepared)
        async with self.database.session() as session:
            projects = await ensure_projects(session, [row.request.project for row in prepared])
            for name, count in Counter(row.request.project for row in prepared).items():
                await self.limits.check_room(session, projects[name], name, count)
            if keep_ids:
                await session.execute(_KEEP_IDS, {"highest": max(map(_kept_id, records))})
            fresh = await next_ids(session, len(records))
            rows = [
                _Row(record, row, _dated(new_memory(row, projects[row.request.project], own, session_id), record))
                for record, row, own in zip(records, prepared, fresh, strict=True)
            ]
            async with session.transaction():
                await lock_projects(session, sorted(projects.values()))
                return await self._store(session, rows, embedded, keep_ids, known_ids)

    def _prepare(self, record: MemoryRecord) -> Prepared:
        if record.prepared is not None:
            return record.prepared
        try:
            counts, details = _counts(record)
            request = check_request(
                record.content,
                project=record.project,
                layer=record.layer,
                tags=record.tags,
                importance=record.importance,
                occurred_at=record.occurred_at,
                session_id=record.session_id,
                details=details,
                relations=record.relations,
                key=record.key,
                history=True,
            )
            for name, value in (("id", record.id), ("about", record.about), ("superseded_by", record.superseded_by)):
                if value is not None:
                    check_id(name, value)
            for name, moment in (("created_at", record.created_at), ("superseded_at", record.superseded_at)):
                if moment is not None:
                    check_time(name, moment)
            prepared = prepare(request, self.redactor)
            if counts and isinstance(prepared.details, ProceduralDetails):
                prepared = replace(prepared, details=_counted(prepared.details, counts))
            return prepared
        except InvalidArgument as error:
            if record.line is None:
                raise
            raise InvalidArgument(f"line {record.line}: {error.argument}", error.problem) from error

    async def _embedded(self, records: Sequence[MemoryRecord], prepared: Sequence[Prepared]) -> Sequence[Vector | None]:
        """The vector of each record; None for one that cannot be had now."""
        late = [row.meaning for record, row in zip(records, prepared, strict=True) if record.vector is None]
        vectors = iter(await self._embed(late))
        return [next(vectors) if record.vector is None else record.vector for record in records]

    async def _embed(self, texts: Sequence[str]) -> Sequence[Vector | None]:
        embedder = self.vectors.embedder
        if embedder is None or not texts:
            return [None] * len(texts)
        try:
            return await embedder.embed(texts)
        except EmbedderUnavailable:
            return [None] * len(texts)

    async def _store(
        self,
        session: Session,
        rows: Sequence[_Row],
        embedded: Sequence[Vector | None],
        keep_ids: bool,
        known_ids: Mapping[int, int],
    ) -> LoadReport:
        twins = _Twins(await self._known(session, rows))
        taken = await self._taken(session, rows) if keep_ids else {}
        ids: dict[int, int] = {}
        new: list[tuple[NewMemory, _Row]] = []
        vectors: list[NewVector] = []
        for position, row in enumerate(rows):
            own = row.record.id
            # What a record is about comes before it.
            memory = _linked(row.memory, row.record, ids, known_ids)
            kept = _kept_id(row.record) if keep_ids else 0
            # Under its own id it is what an interrupted run of this import left behind.
            stored_id = kept if kept and taken.get(kept) == _identity(memory) else twins.find(memory)
            if stored_id is None:
                stored_id = kept if kept and kept not in taken else memory.id
                taken[stored_id] = _identity(memory)
                if stored_id != memory.id:
                    memory = replace(memory, id=stored_id)
                twins.add(memory)
                new.append((memory, row))
                if (vector := embedded[position]) is not None and memory.superseded_at is None:
                    vectors.append(NewVector(memory.project_id, stored_id, memory.layer, vector))
            if own is not None:
                ids[own] = stored_id
        linked = [(_linked(memory, row.record, ids, known_ids), row) for memory, row in new]
        steps = insert_steps([memory for memory, _ in linked]) if linked else []
        if self.vectors.embedder_id is not None and vectors:
            steps += vector_steps(self.vectors.embedder_id, vectors)
        await session.execute_steps([*steps, _TELL_STATISTICS])
        edges = EdgeBatch(session)
        for memory, row in linked:
            if row.prepared.request.relations:
                # A whole store that comes into an empty one brings its own ends along.
                ends = memory.superseded_at is None and not (keep_ids and row.record.exported)
                await edges.add(graph.Stated(memory.project_id, memory.id, row.prepared.request.relations), ends=ends)
        await edges.flush()
        return LoadReport(
            stored=len(new),
            duplicates=len(rows) - len(new),
            redacted=sum(1 for _, row in new if row.prepared.redactions),
            ids=ids,
        )

    @staticmethod
    async def _known(session: Session, rows: Sequence[_Row]) -> list[_Known]:
        found = await session.fetch(
            _KNOWN,
            {
                "projects": sorted({row.memory.project_id for row in rows}),
                "keys": [row.memory.key for row in rows if row.memory.key is not None],
                "hashes": [row.memory.content_hash for row in rows],
            },
        )
        return [_Known(*row) for row in found]

    @staticmethod
    async def _taken(session: Session, rows: Sequence[_Row]) -> dict[int, _Identity]:
        wanted = [row.record.id for row in rows if row.record.id is not None]
        return {row[0]: (row[1], row[2], bytes(row[3])) for row in await session.fetch(_TAKEN, {"ids": wanted})}


_Identity = tuple[int, str, bytes]


def _identity(memory: NewMemory) -> _Identity:
    """What a memory must have in common with the one that has its id, to be that one."""
    return (memory.project_id, memory.layer.value, memory.content_hash)


class _Twins:
    """The memories that a batch might repeat: what the store has, and what the batch itself adds."""

    def __init__(self, known: Sequence[_Known]) -> None:
        self._by_key: dict[tuple[int, str], int] = {}
        self._by_content: dict[tuple[int, str, bytes], list[_Known]] = {}
        for row in known:
            self._remember(row)

    def add(self, memory: NewMemory) -> None:
        """Take note of a memory that the batch stores."""
        self._remember(
            _Known(
                memory.project_id,
                memory.id,
                memory.layer.value,
                memory.key,
                memory.content_hash,
                memory.occurred_at,
                memory.created_at or datetime.now(UTC),
                memory.about,
                memory.superseded_at,
            )
        )

    def find(self, memory: NewMemory) -> int | None:
        """The id of the memory that is the same as this one, if there is one.

        A replaced memory's twin is the replaced one of the same text and time: a history imported twice stays one. One
        that is live in the file may have been replaced in the store since: an old file brings nothing back.
        """
        if memory.key is not None and (found := self._by_key.get((memory.project_id, memory.key))) is not None:
            return found
        live = memory.superseded_at is None
        others = self._by_content.get((memory.project_id, memory.layer.value, memory.content_hash), ())
        for other in others:
            if other.live == live and (
                _same_event(memory, other) if memory.layer is Layer.EPISODIC or not live else True
            ):
                return other.id
        if live:
            return next((other.id for other in others if _replaced_since(memory, other)), None)
        return None

    def _remember(self, row: _Known) -> None:
        if row.key is not None:
            self._by_key[row.project_id, row.key] = row.id
        self._by_content.setdefault((row.project_id, row.layer, row.content_hash), []).append(row)


def _kept_id(record: MemoryRecord) -> int:
    """The id that a record may keep, or 0."""
    return record.id if record.id is not None and record.id <= MAX_KEPT_ID else 0


def _replaced_since(memory: NewMemory, other: _Known) -> bool:
    """Whether a replaced memory is what a live one of the same text was when its file was written."""
    if other.superseded_at is None or (memory.created_at is not None and memory.created_at > other.superseded_at):
        return False
    return memory.layer is not Layer.EPISODIC or _same_event(memory, other)


def _same_event(memory: NewMemory, other: _Known) -> bool:
    if memory.about != other.about:
        return False
    if memory.superseded_at is not None and memory.created_at is not None:
        # What was replaced may have been stored again and replaced again within the minute; no two at once.
        return (memory.occurred_at, memory.created_at) == (other.occurred_at, other.created_at)
    if memory.occurred_at is not None or other.occurred_at is not None:
        return memory.occurred_at == other.occurred_at
    # A line that knows no time at all is the same whenever it is imported; else an interrupted import would double it.
    return memory.created_at is None or abs(memory.created_at - other.created_at) <= timedelta(seconds=EVENT_REPEAT_S)


def _dated(memory: NewMemory, record: MemoryRecord) -> NewMemory:
    """With the times of its history; something replaced at an unknown time was replaced when it is loaded."""
    if record.created_at is None and record.superseded_at is None and record.superseded_by is None:
        return memory
    superseded_at = None if record.superseded_at is None else check_time("superseded_at", record.superseded_at)
    if superseded_at is None and record.superseded_by is not None:
        superseded_at = datetime.now(UTC)
    created_at = None if record.created_at is None else check_time("created_at", record.created_at)
    return replace(memory, created_at=created_at, superseded_at=superseded_at)


def _linked(memory: NewMemory, record: MemoryRecord, ids: Mapping[int, int], known_ids: Mapping[int, int]) -> NewMemory:
    if record.about is None and record.superseded_by is None:
        return memory

    def stored(link: int | None) -> int | None:
        return None if link is None else ids.get(link) or known_ids.get(link)

    return replace(memory, about=stored(record.about), superseded_by=stored(record.superseded_by))


def _counted(details: ProceduralDetails, counts: Mapping[str, int]) -> ProceduralDetails:
    successes, failures = counts.get("successes", 0), counts.get("failures", 0)
    return replace(details, successes=successes, failures=failures)


def _counts(record: MemoryRecord) -> tuple[dict[str, int], dict[str, Any] | None]:
    """An export's run counts of a procedure, which `remember` does not take, apart from the rest of its details."""
    if record.details is None or not isinstance(record.details, Mapping):
        return {}, record.details
    details = dict(record.details)
    details.pop("relations", None)
    counts: dict[str, int] = {
        name: check_integer(f"details.{name}", details.pop(name), 0, MAX_COUNT)
        for name in ("successes", "failures")
        if name in details
    }
    return counts, details
