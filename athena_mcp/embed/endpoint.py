"""The address of an embeddings service: one request, its time limits and retries, and errors that give nothing away.

No error repeats the key, a text, the service's own words (which may quote either) or more of the address than its host.
"""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import anyio
import anyio.to_thread

from athena_mcp.errors import EmbedderUnavailable

if TYPE_CHECKING:
    # Takes 0.2 s to import; who uses the default embedder never needs it.
    import httpx2

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Sixty-four vectors of 4,000 numbers, written out, take a fifth of it."""
INLINE_BYTES = 64 * 1024
"""An answer up to this long is decoded on the event loop."""
MAX_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a service may take, in seconds, and how often it is asked again."""

    connect_s: float = 5.0
    total_s: float = 30.0
    """One request, from connecting to the end of the answer."""
    query_s: float = 10.0
    """A single text with all its attempts: somebody waits for it, and has an answer by words without it."""
    attempts: int = 4
    backoff_s: float = 0.5
    """The first pause before asking again; each further one is twice as long."""
    retry_after_s: float = 20.0
    """The longest pause that a service may ask for."""
    rest_s: float = 15.0
    """After a query failed, others do without for so long, instead of waiting as well."""


class InputRefused(EmbedderUnavailable):
    """The service did not take the texts; they may be too long for its model."""


class _Temporary(Exception):
    """A failure that may be over soon. `wait_s`: how long the service wants to be left alone."""

    def __init__(self, problem: str, wait_s: float = 0.0) -> None:
        super().__init__(problem)
        self.wait_s = wait_s


class Endpoint:
    """Where texts are posted to."""

    def __init__(self, client: httpx2.AsyncClient, url: str, limits: Limits) -> None:
        self._client = client
        self._url = url
        self._limits = limits
        self.host = urlsplit(url).netloc
        """Its host, with the port if one was given; safe to show."""

    @classmethod
    def open(cls, base_url: str, api_key: str | None, limits: Limits) -> Endpoint:
        """The embeddings address under a base URL; connects when it is first asked. Blocking: imports the client."""
        import httpx2

        # They log whole addresses, which may hold what nobody should read.
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        url = embeddings_url(base_url)
        client = httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
            timeout=httpx2.Timeout(limits.total_s, connect=limits.connect_s),
            limits=httpx2.Limits(max_connections=MAX_CONNECTIONS),
            # The key goes to the host that was named and to no other.
            follow_redirects=False,
            # Proxies and certificates of the environment, but no detour to a service on this machine.
            trust_env=not _on_this_machine(url),
        )
        return cls(client, url, limits)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def post(self, body: Mapping[str, Any]) -> Any:
        """The decoded answer to `body`. Raises EmbedderUnavailable, or InputRefused for what no repetition mends."""
        for attempt in itertools.count(1):
            try:
                with anyio.fail_after(self._limits.total_s):
                    return await self._post_once(body)
            except TimeoutError:
                raise self.problem(f"did not answer within {self._limits.total_s:g} s") from None
            except _Temporary as failure:
                if attempt >= self._limits.attempts:
                    raise self.problem(str(failure)) from None
                pause_s = self._limits.backoff_s * 2 ** (attempt - 1) * (1 + random.random() / 2)  # noqa: S311  no secret
                await anyio.sleep(max(pause_s, min(failure.wait_s, self._limits.retry_after_s)))
        raise AssertionError  # the loop only ends by returning or raising

    def problem(self, what: str) -> EmbedderUnavailable:
        """An error about this service."""
        return EmbedderUnavailable(self._sentence(what))

    def _sentence(self, what: str) -> str:
        return f"The embeddings service at {self.host} {what}."

    async def _post_once(self, body: Mapping[str, Any]) -> Any:
        import httpx2

        try:
            async with self._client.stream("POST", self._url, json=body) as response:
                self._check_status(response.status_code, response.headers.get("retry-after"))
                raw = bytearray()
                async for chunk in response.aiter_bytes():
                    raw += chunk
                    if len(raw) > MAX_ANSWER_BYTES:
                        raise self.problem("sends an answer without end")
        except httpx2.ConnectTimeout:
            raise _Temporary(f"cannot be reached within {self._limits.connect_s:g} s") from None
        except httpx2.TimeoutException:
            raise TimeoutError from None
        except (httpx2.ConnectError, httpx2.ProxyError):
            raise _Temporary("cannot be reached; check that it runs, and ATHENA_EMBED_URL") from None
        except (httpx2.NetworkError, httpx2.RemoteProtocolError):
            raise _Temporary("breaks off its answers") from None
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self.problem(f"cannot be asked ({type(error).__name__}); check ATHENA_EMBED_URL") from None
        try:
            if len(raw) <= INLINE_BYTES:
                return json.loads(raw)
            return await anyio.to_thread.run_sync(json.loads, bytes(raw))
        except (ValueError, RecursionError):
            raise self.problem("answers with something else than JSON; check ATHENA_EMBED_URL") from None

    def _check_status(self, status: int, retry_after: str | None) -> None:
        if status == 200:
            return
        if status in (408, 429) or status >= 500:
            raise _Temporary(f"answers {status}", seconds_of(retry_after))
        if status in (400, 413, 422):
            raise InputRefused(self._sentence(f"answers {status}; check ATHENA_EMBED_MODEL"))
        if status in (401, 403):
            raise self.problem(f"answers {status}; check ATHENA_EMBED_API_KEY")
        if status == 404:
            raise self.problem("answers 404; check ATHENA_EMBED_URL and ATHENA_EMBED_MODEL")
        if 300 <= status < 400:
            raise self.problem(f"answers {status}, a redirect; set ATHENA_EMBED_URL to where it leads")
        raise self.problem(f"answers {status}; check ATHENA_EMBED_URL")


def embeddings_url(base_url: str) -> str:
    """The address to post to: `/embeddings` is added to the path when it does not end in it."""
    parts = urlsplit(base_url.strip())
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith("/embeddings") else f"{path}/embeddings", fragment=""))


def seconds_of(retry_after: str | None) -> float:
    """The seconds that a Retry-After header asks for, given as a number or a date (RFC 9110, 10.2.3); 0 without one."""
    if not retry_after:
        return 0.0
    if retry_after.strip().isdigit():
        return float(retry_after[:9])
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
