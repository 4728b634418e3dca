"""Whether a value that stands where a secret would stand is one: pure judgements on a single string."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from enum import Enum, auto

MARKER_OPEN = "[redacted:"
"""How a marker begins. Nothing that holds it is ever taken for a secret."""

MIN_PASSWORD_CHARS = 4
MIN_TOKEN_CHARS = 8
"""Shorter values are settings and words far more often than secrets."""

MIN_LOOSE_PASSWORD_CHARS = 6
"""Where text may be meant (``password: 12 chars``), a password must be longer to be believed."""

_SEPARATORS = re.compile(r"[-_./:@+\s]+|(?<=[a-z])(?=[A-Z])")
_WORD_SEGMENT = re.compile(r"[A-Za-z]+\d{0,3}|\d{1,4}|[vV]\d+")
_TEMPLATE = re.compile(r"[(\[{]|[<$%{(*.\N{HORIZONTAL ELLIPSIS}\N{BULLET}]{2}|[<$%{].*|.*[>}%]$|.*\$\{|.*\{\{")
_CALL = re.compile(r"[A-Za-z_][\w.]*[\[(]")
_CODE = re.compile(r"[A-Za-z_][\w.]*[\[(]|[A-Za-z_]\w*(?:(?:\.|::|->)[A-Za-z_]\w*)+$|[&@!*]?[A-Za-z_]\w*$")
_PLACE = re.compile(r"(?:~|\.{0,2})/[\w.-]+/|[A-Za-z]:\\|[A-Za-z][A-Za-z0-9+.-]{1,15}://")
_HEX = re.compile(r"[0-9a-f]+", re.IGNORECASE)
_NUMBERED = re.compile(r"[0-9]{3}")
_DIGITS_WITHIN = re.compile(r"(?!.*[a-z0-9][A-Z][a-z])[A-Za-z]+[0-9]+[A-Za-z][A-Za-z0-9]*$")
_MIN_VARIETY = 3

_PLACEHOLDER_WORDS = frozenset(
    {"your", "change", "changeme", "changeit", "placeholder", "example", "sample", "dummy", "redacted", "insert"}
    | {"replace", "replaceme", "todo", "fixme", "xxx", "xxxx", "hidden", "masked", "removed", "omitted", "fake", "mock"}
)
_NOT_SECRETS = frozenset(
    {"none", "null", "nil", "undefined", "true", "false", "yes", "no", "empty", "unset", "blank", "default", "auto"}
    | {"required", "optional", "missing", "invalid", "incorrect", "wrong", "expired", "unknown", "disabled", "enabled"}
    | {"string", "str", "text", "bytes", "int", "integer", "bool", "boolean", "object", "field", "char", "varchar"}
    | {
        "input",
        "prompt",
        "stdin",
        "file",
        "env",
        "environ",
        "vault",
        "keyring",
        "keychain",
        "same",
        "see",
        "ask",
        "via",
    }
    | {"from", "with", "must", "should", "that", "this", "here", "reset", "login", "auth", "user", "admin", "name"}
    | {"value", "test", "foo", "bar", "baz", "abc", "asdf", "self", "plain", "plaintext", "hash", "hashed", "encrypted"}
    | {"bearer", "basic", "digest", "oauth", "jwt", "scram", "ldap", "kerberos", "cleartext", "generate", "generated"}
)
_ALGORITHMS = frozenset(
    {
        "oauth2",
        "md5",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "bcrypt",
        "scrypt",
        "argon2",
        "argon2i",
        "argon2id",
        "pbkdf2",
    }
    | {"base32", "base64", "hs256", "hs512", "rs256", "es256", "ed25519", "aes128", "aes256", "utf8", "totp", "x509"}
)
_NUMBERED_NAMES = (
    *("k8s", "s3", "ec2", "p12", "pkcs", "i18n", "l10n"),
    *("neo4j", "log4j", "db2", "mysql8", "ldap3", "e2e", "b64"),
)
"""Names with digits in them that variables are called after."""
_NAMES_OF_SECRETS = frozenset(
    {"password", "passwd", "passphrase", "pwd", "token", "credential", "apikey", "key", "pass"}
)
_SECRET_WORDS = ("password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "apikey", "key", "pass")


_SAID_OF_PASSWORDS = frozenset(
    {"strong", "secure", "insecure", "temporary", "permanent", "visible", "unsafe", "mandatory", "static", "random"}
    | {
        "global",
        "unique",
        "public",
        "private",
        "secret",
        "correct",
        "stale",
        "obvious",
        "common",
        "password",
        "letmein",
    }
)
_SAID_ENDINGS = ("ed", "ing", "able", "ible", "less", "ful", "ly")
"""Of words in quotes: ``the password is "salted"`` says how it is, not what."""
_CODE_IN_PROSE = re.compile(r"[A-Za-z_]\w*(?:[\[(]|(?:\.|::|->)[A-Za-z_]\w*|_\w+$)")
_STRONG_SIGNS = frozenset("!#$%^&*?~@")
"""Signs that stand inside of no word and no version."""
_NOT_SPOKEN = re.compile(r".*[\[\](){}<>\\|/=,;:]|[\w.+-]+@[\w-]+\.[\w.-]+$|@|\w+#\d+$|[0-9a-fA-F-]+$")
"""Patterns, settings, addresses of mail, handles, numbers of issues, digests."""
_SWITCH = re.compile(r"[A-Za-z](?=\d)|\d(?=[A-Za-z])")
_MIN_SPOKEN_CHARS = 8
"""Without a sign inside, a shorter run of letters and digits is a name such as *utf8mb4*."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Where a secret of some kind stands in a text."""

    start: int
    end: int
    kind: str


class Setting(Enum):
    """How a value is attached to its name, from the surest to the least sure."""

    QUOTED = auto()
    """``password = "…"``"""
    TIGHT = auto()
    """``PASSWORD=…``, nothing between."""
    LOOSE = auto()
    """``password: …``, ``password = …``"""
    PROSE = auto()
    """``the password is …``"""
    QUOTED_PROSE = auto()
    """``the password is "…"``"""


def is_placeholder(value: str) -> bool:
    """Whether `value` only marks the place of a secret: a template, a mask, a path, an address, a word such as
    *changeme*, our own marker.
    """
    lowered = value.lower()
    return (
        _is_mask(value)
        or _PLACE.match(value) is not None
        or lowered in _NOT_SECRETS
        or not (_segments(lowered) | {lowered.replace("-", "")}).isdisjoint(_ALGORITHMS)
    )


def is_url_password(value: str) -> bool:
    """Whether what stands before the ``@`` of an address is a password: anything but a mask."""
    return not _is_mask(value)


def is_wordy(value: str) -> bool:
    """Whether `value` is built of words and small numbers (``my-app-v2``, ``getUserById``): a name, not a secret."""
    return all(_WORD_SEGMENT.fullmatch(segment) for segment in _SEPARATORS.split(value) if segment)


def is_random(value: str) -> bool:
    """Whether `value` looks generated: letters and digits in an order that no name has."""
    has_digit = any(char.isdigit() for char in value)
    return has_digit and any(char.isalpha() for char in value) and not is_wordy(value)


def is_mixed(value: str) -> bool:
    """Random, and more than a hash or an identifier in one case: upper and lower letters both."""
    return is_random(value) and any(char.isupper() for char in value) and any(char.islower() for char in value)


def is_not_hex(value: str) -> bool:
    """Whether `value` cannot be a digest or a commit id."""
    return _HEX.fullmatch(value) is None


def is_basic_credentials(value: str) -> bool:
    """Whether `value` is base64 of ``user:password`` (RFC 7617)."""
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    return ":" in decoded and decoded.isprintable()


def is_encoded_key(value: str) -> bool:
    """Whether `value` is base64 of a private key in PEM."""
    try:
        return b"PRIVATE KEY" in base64.b64decode(value[: len(value) // 4 * 4])
    except binascii.Error:
        return False


def is_argument(value: str) -> bool:
    """Whether `value`, given where a program takes a password, is one, and no template, option or word for it."""
    return len(value) >= MIN_PASSWORD_CHARS and not value.startswith("-") and not is_placeholder(value)


def is_password(value: str, setting: Setting, *, in_call: bool = False) -> bool:
    """Whether `value`, given to a name such as *password*, is one; `in_call`: a comma or bracket follows it.

    In quotes nearly everything is; without quotes a name of a variable or a word of a sentence is more likely.
    """
    if len(value) < MIN_PASSWORD_CHARS or is_placeholder(value) or any(char.isspace() for char in value):
        return False
    has_digit = any(char.isdigit() for char in value)
    plain = value.isalnum() or is_wordy(value)
    if setting is Setting.QUOTED:
        return not (is_wordy(value) and not value.isalnum() and _names_a_secret(value))
    if setting is Setting.PROSE:
        return len(value) >= MIN_LOOSE_PASSWORD_CHARS and is_random(value) and not _CALL.match(value)
    if setting is Setting.QUOTED_PROSE:
        said = value.isalpha() and (value.lower() in _SAID_OF_PASSWORDS or value.endswith(_SAID_ENDINGS))
        return len(value) >= MIN_LOOSE_PASSWORD_CHARS and not said and not _CODE_IN_PROSE.match(value)
    # A variable that is named for a secret has hardly ever three digits in a row: rootpassword123 is a password. Nor
    # digits among the letters of one word, as hunter2secret has, unless those are a name's.
    argument = in_call and setting is Setting.TIGHT
    within = not argument and _DIGITS_WITHIN.match(value) is not None and not _has_numbered_name(value)
    named = _names_a_secret(value) and _NUMBERED.search(value) is None and not within
    if _CODE.match(value) and (named or not value.isidentifier()):
        return False
    if setting is Setting.TIGHT and not in_call:
        return True
    if value.isdigit():
        return len(value) >= MIN_LOOSE_PASSWORD_CHARS
    return len(value) >= MIN_LOOSE_PASSWORD_CHARS and (has_digit or not plain)


def is_spoken(value: str) -> bool:
    """Whether `value`, which follows the word *password* and nothing else, is one: no name or version is mixed so.

    It has letters and digits, and either a sign among them or, without one, so many switches between both that it is
    no name: three with letters of both cases, else four.
    """
    lowered = value.lower()
    if not is_random(value) or is_placeholder(value) or _NOT_SPOKEN.match(value) is not None:
        return False
    if any(name in lowered for name in _ALGORITHMS):
        return False
    if not _STRONG_SIGNS.isdisjoint(value):
        return len(value) >= MIN_LOOSE_PASSWORD_CHARS
    both_cases = lowered != value != value.upper()
    return len(value) >= _MIN_SPOKEN_CHARS and len(_SWITCH.findall(value)) >= (3 if both_cases else 4)


def is_token(value: str) -> bool:
    """Whether `value`, given to a name such as *token*, *secret* or *api key*, is one: it must look generated."""
    return len(value) >= MIN_TOKEN_CHARS and not is_placeholder(value) and is_random(value) and not _CALL.match(value)


def _is_mask(value: str) -> bool:
    """A template, our own marker, one letter repeated, *password* for a password, or a word such as *changeme*."""
    lowered = value.lower()
    template = MARKER_OPEN in value or _TEMPLATE.match(value) is not None
    named = lowered in _NAMES_OF_SECRETS or not _segments(lowered).isdisjoint(_PLACEHOLDER_WORDS)
    return template or named or len(set(lowered)) < _MIN_VARIETY


def _has_numbered_name(value: str) -> bool:
    lowered = value.lower()
    return any(name in lowered for name in (*_ALGORITHMS, *_NUMBERED_NAMES))


def _segments(value: str) -> set[str]:
    return {segment for segment in _SEPARATORS.split(value) if segment}


def _names_a_secret(value: str) -> bool:
    lowered = value.lower()
    return any(word in lowered for word in _SECRET_WORDS)
