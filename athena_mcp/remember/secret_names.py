"""Values given to names such as *password* and *api key*: where such a value stands, and whether it is a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from athena_mcp.remember.secret_values import Setting, Span, is_password, is_token

# Patterns of names; the linter takes them for the thing itself.
_PASSWORD = (
    r"pass(?:word|wd|phrase|code|wort)|(?<=[_-])pass|(?<=[_-])pwd|pwd(?=[\"'\s:=])"  # noqa: S105
    r"|(?<=[\"'])pass(?=[\"'])|(?<![\w -])pass(?=[ ]?=(?![ ]?\d{1,5}(?!\w)))|(?<![A-Za-z0-9])pw(?=[\"']?[ ]?[:=])"
    # Set for a command or a container; without one of these it is as often a count of tests that pass.
    r"|(?:(?<=export )|(?<=env )|(?<=ENV )|(?<=ARG )|(?<=set )|(?<= -e ))(?-i:PASS)(?==)|(?<=export )pass(?==)"
    # dbpass, SSHPASS: of what, since bypass and compass end alike.
    r"|(?<![A-Za-z])(?:db|database|user|root|admin|sudo|ssh|ftp|smtp|mail|imap|ldap|proxy|mysql|pg|postgres|redis|mongo"
    r"|rabbit|wifi|app)(?:pass|pw)(?=\\?[\"'\]]{0,2}[ ]?[:=])|rediscli_auth"
    # In other languages.
    r"|kennwort|contrase[ñn]a|mot[ ]de[ ]passe|(?<![a-z])senha|wachtwoord|пароль|密码|密碼|パスワード|비밀번호"
)
_KEY = (
    r"(?:api|access|secret|private|auth|account|master|signing|encryption|decryption|app(?:lication)?|admin|fernet|hmac"
    r"|service|server|consumer|subscription|shared|write|license|role)"
    r"[ _-]?(?:access[ _-]?)?key"
)
_TOKEN = r"(?:(?:access|auth|api|bearer|refresh|session|bot|deploy|id|personal|service)[ _-]?)?token|(?<=[_-])pat"  # noqa: S105
_SECRET = r"(?:client[ _-]?|app[ _-]?|shared[ _-]?|webhook[ _-]?|jwt[ _-]?)?secret|credentials?"  # noqa: S105

_HINTS: tuple[str, ...] = (
    *("pass", "pwd", "pw", "rediscli_auth", "key", "token", "_pat", "-pat", "secret", "credential"),
    *("kennwort", "contrase", "senha", "wachtwoord", "пароль", "密码", "密碼", "パスワード", "비밀번호"),
)
_NAME = (
    rf"(?:(?P<password>{_PASSWORD})|(?P<api_key>{_KEY})|(?P<token>{_TOKEN})|(?P<secret>{_SECRET}))"
    r"(?:[_-](?:prod|production|staging|dev|live|test|default|base|primary|secondary|value|old|new|current|root))?\d{0,2}"
)
_VALUE = (
    r"(?:\\?(?P<quote>[\"'`])(?P<quoted>(?:(?!\\?(?P=quote))[^\r\n]){1,400}+)\\?(?P=quote)"
    r"|(?P<bare>[^\s\"'`<>,][^\s\"'`<>]{0,400}+))"
)
_JOIN = (
    # password for the staging database …, password (staging): …
    r"(?:\\?[\"'`\]]|\*\*){0,2}"
    r"(?:[ ](?:for|of)[ ](?:the[ ])?[\w.@/-]{1,40}(?:[ ][\w.@/-]{1,20})?|[ ]\([\w .@/-]{1,40}\)(?=:))?"
    # password: str = …
    r"(?:(?P<join>[ ]?:[ ]?[A-Za-z][A-Za-z_.|\[\] ]{0,24}?[ ]?=(?!=)[ ]?"
    # password: …, password = …, "password": …, password := …, password => …, password -> …, password == …
    r"|[ \t]{0,4}(?::=|=>|->|={1,3}|!=|:|\uff1a|\uff1d)(?:\*\*)?[ \t]{0,4}"
    # {"name": "DB_PASSWORD", "value": …}
    r"|\\?[\"']?,?\s{0,20}\\?[\"']?value\\?[\"']?[ ]?[:=][ ]?)"
    # the password is …
    r"|(?P<prose>[ ](?:(?:(?:has[ ]been|was|is)[ ])?(?:set|changed)[ ]to|(?:is|was)(?:[ ](?:now|still|currently))?|to"
    r"|ist|lautet|es|est|é)[ ]?:?[ \n])"
    # a value on the next line
    r"|[ ]?:[ \t]{0,4}\n[ \t]{0,8}"
    # PASSWORD 'x', as in SQL
    r"|[ ](?=[\"'`]))"
)


@dataclass(frozen=True, slots=True)
class NamedPattern:
    """One way to attach a value to a name; `setting` is that of a value without quotes, or None: the match shows it."""

    expression: str
    hints: tuple[str, ...]
    setting: Setting | None = None


NAMED: tuple[NamedPattern, ...] = (
    # a name, a sign of assignment or a verb, a value
    NamedPattern(_NAME + _JOIN + _VALUE, _HINTS),
    # --password …
    NamedPattern(rf"(?<![\w-])--[\w-]{{0,30}}?{_NAME}[ =]{_VALUE}", ("--",), Setting.LOOSE),
    # a line of a .netrc file
    NamedPattern(rf"login[ ][^\s]{{1,80}}[ ]{_NAME}[ ]{_VALUE}", ("login",), Setting.LOOSE),
    # curl -u user:password
    NamedPattern(r"(?:\s-u|--user)[ =]?[\"']?[\w.@%+-]{1,80}:(?P<bare>[^\s\"'`<>]{1,200})", ("curl",)),
)
"""Matched without regard to case."""

_NAME_GROUPS = ("password", "api_key", "token", "secret")
_TIGHT_JOINS = frozenset({"=", ""})
_TRAILING = ",;.)]}:!?*|\\"
_NEXT_FIELD = re.compile(r"[&,;][\w .-]{1,40}=|\\[nrt]|[,;}\]]+[\"'{\[]?$")


def value_start(match: re.Match[str]) -> int:
    """Where the value in `match` begins: looking goes on from there when it is no secret."""
    return match.start("bare") if match["bare"] is not None else match.start("quote") + 1


def secret_in(match: re.Match[str], setting: Setting | None = None) -> Span | None:
    """The secret that `match` holds, if its value is one; `setting` is that of a value without quotes."""
    groups = match.groupdict()
    kind = next((name for name in _NAME_GROUPS if groups.get(name)), "password")
    if groups.get("quoted") is not None:
        start, end = match.span("quoted")
    else:
        start, end = match.span("bare")
        end = start + len(_bare(match["bare"]))
    value = match.string[start:end]
    in_call = match.string[end : end + 1] in {",", ")"}
    known = is_password(value, _setting(groups, setting), in_call=in_call) if kind == "password" else is_token(value)
    return Span(start, end, kind.replace("_", "-")) if known else None


def _setting(groups: Mapping[str, str | None], bare: Setting | None) -> Setting:
    if groups.get("prose"):
        return Setting.PROSE if groups.get("quoted") is None or groups["quote"] == "`" else Setting.QUOTED_PROSE
    if groups.get("quoted") is not None:
        return Setting.QUOTED
    if bare is not None:
        return bare
    return Setting.TIGHT if (groups.get("join") or "") in _TIGHT_JOINS else Setting.LOOSE


def _bare(value: str) -> str:
    """The value without the next field of a list and without the punctuation of a sentence."""
    field = _NEXT_FIELD.search(value)
    value = value[: field.start()] if field else value
    stripped = value.rstrip(_TRAILING)
    return stripped if "(" not in stripped and "[" not in stripped else value
