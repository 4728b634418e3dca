"""An embedder behind the OpenAI embeddings interface: OpenAI itself, Ollama, LM Studio, vLLM and others."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import anyio

from athena_mcp.embed.endpoint import Endpoint, InputRefused, Limits
from athena_mcp.errors import EmbedderUnavailable

if TYPE_CHECKING:
    from athena_mcp.embed.embedder import Vector

log = logging.getLogger(__name__)

BATCH_TEXTS = 64
BATCH_CHARS = 100_000
MAX_TEXT_CHARS = 8_000
"""Longer texts are cut: models take from 512 to 8,191 tokens, and a token is one to four characters. A memory's point
stands at its beginning; its words further on are still found by the lexical arm."""
SHORT_TEXT_CHARS = 1_000
"""What every model takes: a service that refuses longer texts gets them cut down to this, step by step."""
MAX_DIMENSION = 4_000
"""pgvector's limit for an index on `halfvec`."""
CACHED_QUERIES = 512
CACHED_CHARS = 4_096
"""The longest text that is kept: that of a query."""


def embedder_name(model: str) -> str:
    """What a model's vectors are stored under. Without the address: the same model elsewhere makes the same vectors."""
    return f"{model}@openai"


class HttpEmbedder:
    """Asks a service; its dimension is what the first answer has.

    A single text is a query or a memory somebody waits for: it has less time, and after a failure the next ones fail
    at once for a while. The vectors of the latest ones are kept.
    """

    word_vectors = None
    """Asking a service for every word would take too long."""

    def __init__(self, endpoint: Endpoint, model: str, limits: Limits) -> None:
        self.name = embedder_name(model)
        self.dimension = 0
        self._endpoint = endpoint
        self._model = model
        self._limits = limits
        self._max_chars = MAX_TEXT_CHARS
        self._kept: OrderedDict[str, Vector] = OrderedDict()
        self._rests_until = 0.0
        self._rests_because = ""

    @classmethod
    def load(cls, base_url: str, model: str, api_key: str | None, limits: Limits | None = None) -> HttpEmbedder:
        """Make one; nothing is sent yet. Blocking: imports the HTTP client."""
        limits = limits or Limits()
        return cls(Endpoint.open(base_url, api_key, limits), model, limits)

    def __repr__(self) -> str:
        return f"<HttpEmbedder {self.name} at {self._endpoint.host}>"

    async def close(self) -> None:
        """Close its connections."""
        await self._endpoint.close()

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """One unit vector a text; a blank text gets a zero vector without being sent. Raises EmbedderUnavailable."""
        if len(texts) == 1:
            return [await self._embed_query(texts[0])]
        worded = [text for text in texts if text.strip()]
        found = [vector for batch in batches(worded) for vector in await self._embed_batch(batch)]
        rest = iter(found)
        return [next(rest) if text.strip() else self._nowhere() for text in texts]

    async def _embed_query(self, text: str) -> Vector:
        if not text.strip():
            return self._nowhere()
        if (kept := self._kept.get(text)) is not None:
            self._kept.move_to_end(text)
            return kept
        if anyio.current_time() < self._rests_until:
            raise EmbedderUnavailable(self._rests_because)
        try:
            with anyio.fail_after(self._limits.query_s):
                (vector,) = await self._embed_batch([text])
        except TimeoutError:
            raise self._rest(self._endpoint.problem(f"did not answer within {self._limits.query_s:g} s")) from None
        except InputRefused:
            raise
        except EmbedderUnavailable as error:
            raise self._rest(error) from None
        if len(text) <= CACHED_CHARS:
            self._kept[text] = vector
            if len(self._kept) > CACHED_QUERIES:
                self._kept.popitem(last=False)
        return vector

    def _rest(self, error: EmbedderUnavailable) -> EmbedderUnavailable:
        self._rests_until, self._rests_because = anyio.current_time() + self._limits.rest_s, str(error)
        return error

    async def _embed_batch(self, texts: Sequence[str]) -> list[Vector]:
        """The vectors of one request; shortens the texts as long as the service refuses long ones."""
        max_chars = self._max_chars
        while True:
            cut = [text[:max_chars] for text in texts]
            try:
                answer = await self._endpoint.post({"model": self._model, "input": cut})
                break
            except InputRefused:
                longest = max(map(len, cut))
                if longest <= SHORT_TEXT_CHARS:
                    raise
                max_chars = max(SHORT_TEXT_CHARS, longest // 2)
        try:
            vectors = read_vectors(answer, len(texts))
        except ValueError as error:
            raise self._endpoint.problem(f"answers with {error}; check ATHENA_EMBED_MODEL") from None
        if max_chars < self._max_chars:
            log.info("The model %s takes no more than %d characters of a text.", self._model, max_chars)
            self._max_chars = max_chars
        self._check_dimension(len(vectors[0]))
        return vectors

    def _check_dimension(self, dimension: int) -> None:
        if self.dimension == 0:
            self.dimension = dimension
        elif dimension != self.dimension:
            raise self._endpoint.problem(
                f"makes vectors of {dimension} numbers now, before they had {self.dimension}; is it another model?"
            )

    def _nowhere(self) -> Vector:
        import numpy as np

        return np.zeros(max(1, self.dimension), dtype=np.float32)


def batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in order, in portions that one request may carry."""
    batch: list[str] = []
    chars = 0
    for text in texts:
        size = min(len(text), MAX_TEXT_CHARS)
        if batch and (len(batch) == BATCH_TEXTS or chars + size > BATCH_CHARS):
            yield batch
            batch, chars = [], 0
        batch.append(text)
        chars += size
    if batch:
        yield batch


def read_vectors(answer: Any, count: int) -> list[Vector]:
    """The `count` unit vectors of an answer, in the order of the texts; all of one dimension.

    Raises ValueError saying what the answer is instead. A vector of zeros stays one.
    """
    import numpy as np

    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("something else than a list of vectors")
    if len(rows) != count:
        raise ValueError(f"{len(rows)} vectors for {count} texts")
    places = [row.get("index", place) for place, row in enumerate(rows)]
    if sorted(place for place in places if isinstance(place, int)) != list(range(count)):
        raise ValueError("vectors that are numbered wrongly")
    vectors: list[Any] = [None] * count
    for place, row in zip(places, rows, strict=True):
        try:
            vector = np.asarray(row.get("embedding"), dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("vectors that are no numbers") from None
        if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
            raise ValueError("vectors that are no finite numbers")
        if len(vector) > MAX_DIMENSION:
            raise ValueError(f"vectors of {len(vector):,} numbers, of which at most {MAX_DIMENSION:,} can be kept")
        largest = float(np.abs(vector).max())
        # Scaled first: squares of very large numbers would not be finite.
        scaled = vector / largest if largest else vector
        vectors[place] = (scaled / max(float(np.linalg.norm(scaled)), 1e-9)).astype(np.float32)
    if len({len(vector) for vector in vectors}) != 1:
        raise ValueError("vectors of different lengths")
    return vectors
