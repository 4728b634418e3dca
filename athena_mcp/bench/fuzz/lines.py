"""Lines to send: mostly requests that are wrong in some way, some that are right, and some that are no messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from athena_mcp.bench.fuzz.calls import other_request, spoilt_call, tool_call
from athena_mcp.bench.fuzz.expected import Id
from athena_mcp.bench.fuzz.values import any_value, words

ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
HUGE_EVERY = 2_500
"""One line in so many has megabytes."""
_DIGITS = 5_000


class LineMaker:
    """An endless source of lines; the same seed and era give the same ones.

    `newer_era`: requests carry the envelope of the protocol's 2026 era.
    """

    def __init__(self, seed: int, *, newer_era: bool, huge_bytes: int) -> None:
        self._random = Random(seed)  # noqa: S311  to be repeated, not to be kept secret
        self._newer_era = newer_era
        self._huge_bytes = huge_bytes
        self._made = 0
        self._ids: list[Id] = []

    def __iter__(self) -> Iterator[tuple[bytes, Id | None]]:
        """Lines without their ends, with the id that each was given, if any."""
        while True:
            yield self._next()

    def handshake(self) -> tuple[bytes, Id | None]:
        """The older era's proper beginning."""
        client = {"name": "athena-mcp bench", "version": "1"}
        return self._request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})

    def _next(self) -> tuple[bytes, Id | None]:
        random = self._random
        if random.randrange(HUGE_EVERY) == 0:
            return self._huge()
        makers = (self._good, self._spoilt, self._other, self._damaged, self._no_message, self._bad_id, self._notice)
        return random.choices(makers, (12, 30, 14, 14, 10, 8, 12))[0]()

    def _good(self) -> tuple[bytes, Id | None]:
        return self._request("tools/call", tool_call(self._random))

    def _spoilt(self) -> tuple[bytes, Id | None]:
        return self._request("tools/call", spoilt_call(self._random))

    def _other(self) -> tuple[bytes, Id | None]:
        return self._request(*other_request(self._random))

    def _damaged(self) -> tuple[bytes, Id | None]:
        """A request with bytes changed, cut out or cut off behind its id."""
        line, given = self._request("tools/call", tool_call(self._random))
        random = self._random
        kept = line.index(b'"method"')
        if random.random() < 0.4:
            return line[: random.randint(kept, len(line))], given
        rest = bytearray(line[kept:])
        for _ in range(random.randint(1, 4)):
            place = random.randrange(len(rest))
            if random.random() < 0.5:
                rest[place] = random.choice(b'\x00\x01\xff\xc3\x80{}[]",:\\0aN ')
            else:
                del rest[place : place + random.randint(1, 9)]
                rest = rest or bytearray(b"}")
        return line[:kept] + bytes(rest).replace(b"\n", b" "), given

    def _no_message(self) -> tuple[bytes, Id | None]:
        random = self._random
        match random.randrange(9):
            case 0:
                return random.randbytes(random.randint(1, 400)).replace(b"\n", b""), None
            case 1:
                return b"[" * random.choice((3, 300, 100_000)), None
            case 2:
                return _json(any_value(random)), None
            case 3:
                return b'{"a":' * random.choice((2, 500, 30_000)), None
            case 4:
                line, given = self._request("ping", {})
                return b"[" + line + b"]", given
            case 5:
                return random.choice(
                    (b"", b"  ", b"\r", b"\xef\xbb\xbf", b"\x00", b"\x1b[2J", b"Content-Length: 5")
                ), None
            case 6:
                return _json({"jsonrpc": "2.0", **_members(any_value(random))}), None
            case 7:
                # An answer to what was never asked.
                kind = random.choice(({"result": any_value(random)}, {"error": any_value(random)}))
                return _json({"jsonrpc": "2.0", "id": any_value(random), **kind}), None
            case _:
                line, given = self._request("tools/call", {})
                return line.replace(b'"2.0"', random.choice((b'"1.0"', b"2.0", b"null", b"[]"))), given

    def _bad_id(self) -> tuple[bytes, Id | None]:
        random = self._random
        request = {"method": "tools/call", "params": tool_call(random)}
        if random.random() < 0.4:
            digits = random.choice(("", "-")) + "9" * _DIGITS
            if random.random() < 0.5:
                line = _json({"jsonrpc": "2.0", "id": 0, **request})
                return line.replace(b'"id":0', b'"id":' + digits.encode(), 1), None
            given = self._new_id()
            line = _json({"jsonrpc": "2.0", "id": given, "method": "tools/call", "params": spoilt_call(random)})
            return line[:-1] + b',"x":' + digits.encode() + b"}", given
        bad = random.choice((None, True, 1.5, [], {}, "\ud800", [1], {"id": 1}, float("nan"), 1e300))
        return _json({"jsonrpc": "2.0", "id": bad, **request}), None

    def _notice(self) -> tuple[bytes, Id | None]:
        random = self._random
        if random.random() < 0.7:
            recent = self._ids[-40:] or [0]
            target = random.choice(recent) if random.random() < 0.8 else any_value(random)
            return _json({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": target}}), None
        method = random.choice(
            ("notifications/initialized", "notifications/progress", "notifications/x", "tools/call", "")
        )
        params = any_value(random) if random.random() < 0.5 else {"progressToken": any_value(random), "progress": 1}
        return _json({"jsonrpc": "2.0", "method": method, "params": params}), None

    def _huge(self) -> tuple[bytes, Id | None]:
        random = self._random
        size = random.choice((self._huge_bytes // 8, self._huge_bytes // 2, self._huge_bytes + 100))
        text = random.choice(("x", "\u00e9", "\\")) * size
        return self._request("tools/call", {"name": "remember", "arguments": {"content": text[:size]}})

    def _request(self, method: str, params: Any) -> tuple[bytes, Id | None]:
        given = self._new_id()
        if self._newer_era and isinstance(params, dict):
            params = {**params, "_meta": ENVELOPE}
        return _json({"jsonrpc": "2.0", "id": given, "method": method, "params": params}), given

    def _new_id(self) -> Id:
        self._made += 1
        given: Id = self._made if self._random.random() < 0.8 else f"{words(self._random, 1)}-{self._made}"
        self._ids.append(given)
        return given


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _members(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"params": value}
