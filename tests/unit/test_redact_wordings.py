"""Passwords as people word them, and what is said of passwords; every secret is made up and put together."""

from __future__ import annotations

import pytest

from athena_mcp.remember.redact import Redactor
from athena_mcp.remember.secret_values import is_spoken

MIXED = "hunter2" + "XyZ!9"
SHORT = "Xk9!" + "pq22"
CLASSIC = "Tr0ub4" + "dor&3"
PLAIN = "S3cr3t" + "9x"
WORD = "sword" + "fish"

WORDED: tuple[tuple[str, str], ...] = (
    ("use password {}", MIXED),
    ("Use the password {}.", MIXED),
    ("use password {} for staging", PLAIN),
    ("connect with passphrase **{}**", SHORT),
    ("(password {})", CLASSIC),
    ("The admin password {} must be rotated.", MIXED),
    ("ssh root@h with password {}", SHORT),
    ("the password is: {}", CLASSIC),
    ("the password is now {}", SHORT),
    ("the password will be {}", SHORT),
    ("the password should be {}, says ops", SHORT),
    ("the password is '{}'", WORD),
    ('the password was set to "{}"', WORD),
    ("password (staging): {}", SHORT),
    ("dbpass={}", MIXED),
    ("dbpass={}", WORD),
    ("DBPASS: {}", SHORT),
    ("userpass = {}", SHORT),
    ("dbpw={}", SHORT),
    ("SSHPASS={} sshpass -e ssh h", WORD),
    ("REDISCLI_AUTH={} redis-cli", WORD),
    ("export PASS={}", MIXED),
    ("export PASS={}; run", WORD),
    ("docker run -e PASS={} image", WORD),
    ("env PASS={} ./run", WORD),
    ("PGPASSWORD={} psql", MIXED),
    ("mysql -p{}", "S3cret" + "!pw"),
    ("mysql -uroot -p{} shop", "S3cret" + "!pw"),
    ("login with admin / {}", SHORT),
    ("logged in as admin/{}", SHORT),
    ("credentials: admin / {}", SHORT),
    ("credentials are admin:{}", SHORT),
    ("user admin, pass {}", SHORT),
    ("the pass is {}", MIXED),
    ("pass: {}", MIXED),
    ("Das Kennwort {} gilt ab heute", SHORT),
)

HARMLESS: tuple[str, ...] = (
    "use password hashing",
    "the password is stored hashed",
    "export PASS=$(pass show x)",
    "password is required",
    "use password_hash()",
    "bypass=true",
    "pass=1 fail=0",
    "compass=north",
    "pass=1200 fail=3",
    "pass = 12345 of 12400",
    "bypass: enabled2x",
    "compass=N45E12",
    "underpass=closed",
    "export PASS=$DB_PASS",
    "export PASS=${DB_PASS:?}",
    "env PASS=true make check",
    "dbpass=$DB_PASS",
    "dbpass=os.environ['DBPASS']",
    "userpass: enabled",
    "the userpass auth method",
    "the password is 'salted'",
    'the password is "temporary"',
    "the password is `settings.password`",
    "the password is 'config.db_password'",
    "the password was set to 'expired'",
    "use password manager v2.3.1",
    "use password utf8mb4",
    "use password PBKDF2-SHA256",
    "use password OAuth2Client",
    "use password base64url",
    "use password SHA256withRSA2048",
    "see password issue#4211",
    "see password reset2fa",
    "password rules2024-01-31",
    "password prompt/stdin2",
    "password min=8,max=64",
    "password /^[A-Z0-9]{8,}$/ is the rule",
    "mail the password ann2@example.org",
    "ask for the password @ann2",
    "password 9f86d081884c7d65 was the commit",
    "password v1.2.3-rc4 of the gem",
    "password must be 8-64 characters",
    "password should be at least 12 characters, with 1 digit",
    "password is now optional",
    "password is still plain",
    "Password (optional): string",
    "password policy: 90-day rotation",
    "password-protected zip, password-less login",
    "passwordless login works since v2",
    "password strength meter: zxcvbn@4.4.2",
    "password $PGPASSWORD is exported",
    "login with google / github",
    "log in with OAuth2 / OIDC",
    "login: 302 / redirect to /home2",
    "credentials are read from ~/.aws/credentials",
    "credentials: vault:secret/data/app2",
    "pass: 12, fail: 0, skip: 3",
    "pass: test_login_v2",
    "the pass is idempotent",
    "user stories pass acceptance2",
    "the second pass is O(n2)",
    "mysql -p prompts; mysql --port 3306",
    "PGPASSWORD is read from ~/.pgpass",
)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize(("frame", "secret"), WORDED)
def test_a_password_is_found_as_people_word_it(redactor: Redactor, frame: str, secret: str) -> None:
    found = redactor.redact(frame.format(secret))
    assert found.text == frame.format("[redacted:password]")
    assert found.counts == {"password": 1}
    assert redactor.redact(found.text).text == found.text


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_said_of_passwords_stays(redactor: Redactor, text: str) -> None:
    assert redactor.redact(text).text == text


@pytest.mark.parametrize("value", [MIXED, SHORT, CLASSIC, PLAIN, "a1b2c3d4x"])
def test_a_mix_of_letters_digits_and_signs_is_a_password(value: str) -> None:
    assert is_spoken(value)


@pytest.mark.parametrize(
    "value",
    ["swordfish", "hunter2", "utf8mb4", "Win32Api", "sha256sum!x1", "a1!", "12345678", "!!!!!!!!"],
)
def test_a_word_a_number_or_a_name_with_a_number_is_none(value: str) -> None:
    assert not is_spoken(value)
