from __future__ import annotations

import logging
import math
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import anyio
import pytest

from athena_mcp.config import Settings
from athena_mcp.embed.choose import configured_handle
from athena_mcp.embed.endpoint import Limits, embeddings_url, seconds_of
from athena_mcp.embed.http import (
    BATCH_CHARS,
    BATCH_TEXTS,
    CACHED_QUERIES,
    MAX_TEXT_CHARS,
    SHORT_TEXT_CHARS,
    HttpEmbedder,
    read_vectors,
)
from athena_mcp.embed.static import NAME
from athena_mcp.errors import EmbedderUnavailable
from tests.embedding_service import Answer, Asked, Say, Service, running_service, vector_of, well

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-0123456789"
TEXT = "the text that nobody else may read"
FAST = Limits(connect_s=1.0, total_s=5.0, query_s=5.0, attempts=3, backoff_s=0.01, retry_after_s=0.2, rest_s=0.0)


@pytest.fixture
def service() -> Iterator[Service]:
    with running_service() as one:
        yield one


@asynccontextmanager
async def embedder_of(service: Service, limits: Limits = FAST, key: str | None = KEY) -> AsyncIterator[HttpEmbedder]:
    embedder = HttpEmbedder.load(service.url, "small-model", key, limits)
    try:
        with anyio.fail_after(20):
            yield embedder
    finally:
        await embedder.close()


def always(answer: Answer) -> Say:
    return lambda asked, number: answer


def wordless(error: BaseException) -> str:
    """An error with its whole traceback; must hold neither key nor text."""
    shown = "".join(traceback.format_exception(error))
    assert KEY not in shown
    assert TEXT not in shown
    return str(error)


async def test_texts_become_unit_vectors_in_their_own_order(service: Service) -> None:
    async with embedder_of(service) as embedder:
        vectors = await embedder.embed(["one", "two and more", "three"])
        assert embedder.name == "small-model@openai"
        assert embedder.dimension == 3
    assert len(vectors) == 3
    for text, vector in zip(["one", "two and more", "three"], vectors, strict=True):
        raw = vector_of(text)
        assert vector.tolist() == pytest.approx([value / math.hypot(*raw) for value in raw], abs=1e-6)
    (asked,) = service.asked
    assert asked.path == "/v1/embeddings"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.body == {"model": "small-model", "input": ["one", "two and more", "three"]}


async def test_without_a_key_no_key_is_sent(service: Service) -> None:
    async with embedder_of(service, key=None) as embedder:
        await embedder.embed(["one"])
    assert "authorization" not in service.asked[0].headers


async def test_many_texts_go_in_batches_and_long_ones_are_cut(service: Service) -> None:
    async with embedder_of(service) as embedder:
        short = [f"text {number}" for number in range(2 * BATCH_TEXTS + 1)]
        assert len(await embedder.embed(short)) == len(short)
        assert service.sizes == [BATCH_TEXTS, BATCH_TEXTS, 1]
        service.asked.clear()
        long = ["x" * (MAX_TEXT_CHARS + 5_000)] * 30
        assert len(await embedder.embed(long)) == 30
    assert sum(service.sizes) == 30
    for asked in service.asked:
        assert {len(text) for text in asked.body["input"]} == {MAX_TEXT_CHARS}
        assert sum(map(len, asked.body["input"])) <= BATCH_CHARS


async def test_a_blank_text_is_not_sent_and_gets_a_zero_vector(service: Service) -> None:
    async with embedder_of(service) as embedder:
        first, blank, last = await embedder.embed(["one", " \n", "two"])
        (alone,) = await embedder.embed(["\t"])
    assert first.any()
    assert last.any()
    assert not blank.any()
    assert not alone.any()
    assert service.asked[0].body["input"] == ["one", "two"]
    assert len(service.asked) == 1


async def test_a_query_asked_again_is_answered_from_memory_which_is_bounded(service: Service) -> None:
    async with embedder_of(service) as embedder:
        (first,) = await embedder.embed(["again"])
        (second,) = await embedder.embed(["again"])
        assert (first == second).all()
        assert len(service.asked) == 1
        for number in range(CACHED_QUERIES):
            await embedder.embed([f"other {number}"])
        await embedder.embed(["again"])
    assert len(service.asked) == CACHED_QUERIES + 2


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_a_service_that_recovers_is_asked_again(service: Service, status: int) -> None:
    service.say = lambda asked, number: well(asked, number) if number > 2 else Answer(status, {"error": TEXT})
    async with embedder_of(service) as embedder:
        assert len(await embedder.embed(["one", "two"])) == 2
    assert len(service.asked) == 3


async def test_the_service_says_how_long_to_leave_it_alone_up_to_a_limit(service: Service) -> None:
    patient = Limits(attempts=2, backoff_s=0.0, retry_after_s=0.3)
    service.say = lambda asked, number: well(asked, number) if number > 1 else Answer(429, {}, {"retry-after": "3600"})
    async with embedder_of(service, patient) as embedder:
        started = anyio.current_time()
        await embedder.embed(["one"])
        assert 0.29 <= anyio.current_time() - started < 10
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert 50 < seconds_of(later) <= 60
    assert seconds_of("7") == 7
    assert seconds_of("soon") == seconds_of(None) == seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    ("answer", "says", "requests"),
    [
        (Answer(500, {"error": TEXT}), "500", 3),
        (Answer(429, {"error": TEXT}), "429", 3),
        (Answer(401, {"error": f"{KEY} is wrong"}), "ATHENA_EMBED_API_KEY", 1),
        (Answer(403, b""), "ATHENA_EMBED_API_KEY", 1),
        (Answer(404, {"error": TEXT}), "ATHENA_EMBED_MODEL", 1),
        (Answer(400, {"error": TEXT}), "ATHENA_EMBED_MODEL", 1),
        (Answer(418, {"error": TEXT}), "418", 1),
        (Answer(200, b"<html>" + TEXT.encode()), "JSON", 1),
        (Answer(200, b"[" * 100_000), "JSON", 1),
        (Answer(200, [TEXT]), "list of vectors", 1),
        (Answer(200, {"data": []}), "0 vectors for 1 text", 1),
        (Answer(200, {"data": [{"index": 1, "embedding": [1.0]}]}), "numbered", 1),
        (Answer(200, {"data": [{"index": 0, "embedding": [1.0, None]}]}), "finite", 1),
        (Answer(200, b'{"data": [{"index": 0, "embedding": [1.0, NaN]}]}'), "finite", 1),
        (Answer(200, {"data": [{"index": 0, "embedding": TEXT}]}), "no numbers", 1),
        (Answer(200, {"data": [{"index": 0, "embedding": []}]}), "finite", 1),
        (Answer(200, {"data": [{"index": 0, "embedding": [[1.0]]}]}), "finite", 1),
        (Answer(200, {"data": [{"index": 0, "embedding": [1.0] * 4_001}]}), "4,000", 1),
    ],
)
async def test_what_cannot_be_used_is_an_error_without_key_and_text(
    service: Service, answer: Answer, says: str, requests: int
) -> None:
    service.say = always(answer)
    async with embedder_of(service) as embedder:
        with pytest.raises(EmbedderUnavailable) as raised:
            await embedder.embed([TEXT])
        shown = wordless(raised.value)
        assert says in shown
        assert service.url.removeprefix("http://").removesuffix("/v1") in shown
        assert KEY not in repr(embedder)
    assert len(service.asked) == requests


async def test_a_redirect_is_not_followed_so_that_no_other_host_sees_the_key(service: Service) -> None:
    other = Service()
    service.say = always(Answer(307, b"", {"location": other.url}))
    async with embedder_of(service) as embedder:
        with pytest.raises(EmbedderUnavailable, match="redirect"):
            await embedder.embed([TEXT])
    other.server.server_close()
    assert other.asked == []


async def test_a_service_that_is_not_there_is_an_error_soon(service: Service) -> None:
    gone = Service()
    gone.server.server_close()
    async with embedder_of(gone) as embedder:
        with pytest.raises(EmbedderUnavailable, match="cannot be reached") as raised:
            await embedder.embed([TEXT])
        wordless(raised.value)


async def test_a_service_that_hangs_is_given_up_in_time(service: Service) -> None:
    release = threading.Event()

    def hang(asked: Asked, number: int) -> Answer:
        release.wait(20)
        return well(asked, number)

    service.say = hang
    hasty = Limits(total_s=0.2, query_s=0.3, attempts=3, backoff_s=0.01, rest_s=60)
    try:
        async with embedder_of(service, hasty) as embedder:
            for texts in (["one", "two"], [TEXT]):
                with anyio.fail_after(5), pytest.raises(EmbedderUnavailable, match="did not answer within") as raised:
                    await embedder.embed(texts)
                wordless(raised.value)
            # The next query does not wait as well.
            asked = len(service.asked)
            with pytest.raises(EmbedderUnavailable, match="did not answer within"):
                await embedder.embed(["another"])
            assert len(service.asked) == asked
    finally:
        release.set()


async def test_a_service_that_trickles_is_given_up_in_time(service: Service) -> None:
    service.say = always(Answer(200, b" " * 10, {"content-length": "1000000"}))
    async with embedder_of(service, Limits(total_s=0.3, query_s=1.0, attempts=2, backoff_s=0.01)) as embedder:
        with pytest.raises(EmbedderUnavailable):
            await embedder.embed([TEXT])


async def test_texts_that_the_service_refuses_as_too_long_are_shortened_and_the_limit_is_kept(service: Service) -> None:
    def picky(asked: Asked, number: int) -> Answer:
        return Answer(400, {}) if max(map(len, asked.body["input"])) > 2_500 else well(asked, number)

    service.say = picky
    async with embedder_of(service) as embedder:
        await embedder.embed(["x" * 8_000, "short"])
        assert [max(map(len, asked.body["input"])) for asked in service.asked] == [8_000, 4_000, 2_000]
        await embedder.embed(["y" * 8_000, "short"])
        assert len(service.asked[3].body["input"][0]) == 2_000
        service.say = always(Answer(400, {}))
        with pytest.raises(EmbedderUnavailable, match="400"):
            await embedder.embed(["z" * 8_000])
    assert len(service.asked[-1].body["input"][0]) == SHORT_TEXT_CHARS


async def test_a_model_that_changes_its_dimension_is_refused(service: Service) -> None:
    async with embedder_of(service) as embedder:
        await embedder.embed(["one"])
        service.say = always(Answer(200, {"data": [{"index": 0, "embedding": [1.0, 2.0]}]}))
        with pytest.raises(EmbedderUnavailable, match="another model"):
            await embedder.embed(["two"])


def test_numbers_of_any_size_are_scaled_to_length_one() -> None:
    (vector,) = read_vectors({"data": [{"embedding": [3e300, 4e300]}]}, 1)
    assert vector.tolist() == pytest.approx([0.6, 0.8])
    (zero,) = read_vectors({"data": [{"embedding": [0, 0]}]}, 1)
    assert not zero.any()
    with pytest.raises(ValueError, match="different lengths"):
        read_vectors({"data": [{"embedding": [1]}, {"embedding": [1, 2]}]}, 2)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/embeddings"),
        ("http://localhost:11434/v1/", "http://localhost:11434/v1/embeddings"),
        ("http://localhost:1234/v1/embeddings", "http://localhost:1234/v1/embeddings"),
        ("https://x.example/openai/v1?api-version=1", "https://x.example/openai/v1/embeddings?api-version=1"),
        ("http://h", "http://h/embeddings"),
    ],
)
def test_the_address_is_the_base_with_embeddings_once(base: str, url: str) -> None:
    assert embeddings_url(base) == url


async def test_the_key_is_in_no_log_whatever_the_level(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with embedder_of(service) as embedder:
        await embedder.embed([TEXT])
        service.say = always(Answer(500, {"error": KEY}))
        with pytest.raises(EmbedderUnavailable):
            await embedder.embed(["other"])
    assert KEY not in caplog.text
    assert TEXT not in caplog.text


async def test_a_handle_learns_the_dimension_and_tries_again_when_asked(service: Service) -> None:
    settings = Settings(Path("x"), "p", embed_url=service.url, embed_model="small-model", embed_api_key=KEY)
    handle = configured_handle(settings)
    assert (handle.name, handle.dimension, handle.may_come) == ("small-model@openai", 0, True)
    try:
        service.say = always(Answer(401, {}))
        assert await handle.warm() is None
        assert "ATHENA_EMBED_API_KEY" in str(handle.reason)
        service.say = well
        assert await handle.warm() is handle.ready is not None
        assert (handle.reason, handle.dimension) == (None, 3)
    finally:
        await handle.close()
    assert configured_handle(Settings(Path("x"), "p")).name in (NAME, None)
