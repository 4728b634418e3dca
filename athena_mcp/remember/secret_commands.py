"""Passwords given to programs on a command line, where no name says that they are one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from athena_mcp.remember.secret_patterns import SecretPattern
from athena_mcp.remember.secret_values import is_argument

_QUOTED = r"""["'](?P<secret>[^"'\r\n]{1,200})["']"""
_BARE = r"""(?P<secret>[^\s"'`|;<>()]{1,200})"""


@dataclass(frozen=True, slots=True)
class _Command:
    """A program (an expression; the first one is its hint) and what stands before the password."""

    hint: str
    program: str
    option: str


_COMMANDS: tuple[_Command, ...] = (
    # Attached only: a lone -p asks for the password.
    _Command("mysql", r"mysql(?:dump|admin|import|show|check|slap|pump|sh)?", r"-p(?!ort\b|rotocol\b|lugin)"),
    _Command("mariadb", r"mariadb(?:-\w{2,10})?", r"-p(?!ort\b|rotocol\b|lugin)"),
    _Command("mycli", "mycli", r"-p ?"),
    _Command(
        "login", r"(?:docker|podman|nerdctl|helm|oras|crane|skopeo|az|cf|oc|ibmcloud)[ ][\w ]{0,20}?login", r"-p[ =]?"
    ),
    _Command("mongo", r"mongo(?:sh|dump|restore|export|import|stat|top)?", r"-p[ =]?"),
    _Command("sshpass", "sshpass", r"-p[ ]?"),
    _Command("redis-cli", "redis-cli", r"-a[ ]"),
    _Command("sqlcmd", "sqlcmd", r"-P[ ]?"),
    _Command("bcp", "bcp", r"-P[ ]?"),
    _Command("ldap", r"ldap(?:search|modify|add|delete|passwd|whoami)", r"-w[ ]"),
    _Command("htpasswd", "htpasswd", r"-[a-zA-Z]{0,4}b[a-zA-Z]{0,4}[ ](?:[^\s]{1,200}[ ])?[^\s]{1,60}[ ]"),
    _Command("openssl", "openssl", r"-pass(?:in|out)?[ ]pass:"),
    _Command("keytool", r"(?:keytool|jarsigner|apksigner)", r"-(?:store|key|src|dest)?(?:store)?pass[ ]"),
    _Command("smbclient", "smbclient", r"-U[ ]?[^\s%]{1,60}%"),
    _Command("7z", r"7z[ar]?", r"-p"),
    _Command("zip", r"(?:un)?zip", r"-P[ ]?"),
    _Command("sqlplus", "sqlplus", r"[\w.]{1,60}/(?=[^\s@/]{1,60}@)"),
    _Command("rabbitmqctl", "rabbitmqctl", r"(?:add_user|change_password)[ ][^\s]{1,60}[ ]"),
    _Command("chpasswd", "echo", r"""["']?[\w.-]{1,60}:(?=[^\n]{1,100}\|[ ]?(?:sudo[ ])?chpasswd)"""),
    _Command("sudo", "echo", r"""(?=["']?[^\s|]{1,60}["']?[ ]?\|[ ]?sudo[ ]-[A-Za-z]{0,3}S)"""),
    _Command("set", r"config(?:ure)?[ ]set", r"[^\s=]{0,80}(?:secret|token|password|key)[^\s=]{0,30}[ =]"),
)


def command_patterns() -> Iterator[SecretPattern]:
    """A pattern for the quoted and one for the bare form of every password that a program is given."""
    for command in _COMMANDS:
        # What comes between is bounded, so that a text full of programs' names takes no longer than it is long.
        start = rf"(?<![\w.-]){command.program}[ ](?:[^\n|;]{{0,200}}?[ ])?{command.option}"
        for value in (_QUOTED, _BARE):
            yield SecretPattern("password", start + value, (command.hint,), is_argument)
