"""Every secret here is made up and put together from pieces, so that no scanner takes this file for a leak."""

from __future__ import annotations

import base64
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from athena_mcp.harmless import harmless
from athena_mcp.model import MAX_CONTENT_CHARS
from athena_mcp.remember.redact import Redactor

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
MIXED = "Zx9Qw3Rt7Yu1Pa5Sd8Fg2Hj4Kl6Mn0Bv3Cx7Za1Qs5Wd9Ef2Rg6Th0Yj4Uk8Il"
KEY_LINES = "\n".join(base64.b64encode(bytes(range(start, start + 48))).decode() for start in (0, 48, 96))


def pem(kind: str, body: str = KEY_LINES) -> str:
    dashes = "-" * 5
    return f"{dashes}BEGIN {kind}{dashes}\n{body}\n{dashes}END {kind}{dashes}"


SECRETS: tuple[tuple[str, str], ...] = (
    ("aws-key", "AKIA" + "Q7ZXW3RTYUIOPA5S"),
    ("aws-key", "ASIA" + "Q7ZXW3RTYUIOPA5S"),
    ("github-token", "ghp_" + MIXED[:36]),
    ("github-token", "github" + "_pat_" + MIXED[:22] + "_" + MIXED[:40]),
    ("gitlab-token", "glpat-" + MIXED[:20]),
    ("npm-token", "npm_" + MIXED[:36]),
    ("pypi-token", "pypi-" + "AgEIcHlwaS5vcmc" + MIXED + MIXED),
    ("slack-token", "xoxb-" + "123456789012-123456789012-" + MIXED[:24]),
    ("slack-token", "xapp-" + "1-A0123456789-1234567890-" + HEX),
    ("slack-token", "https://hooks.slack.com" + "/services/T0AB12CD3/B0EF45GH6/" + MIXED[:24]),
    ("stripe-key", "sk_" + "live_" + MIXED[:24]),
    ("stripe-key", "rk_" + "test_" + MIXED[:30]),
    ("sendgrid-key", "SG." + MIXED[:22] + "." + MIXED[:43]),
    ("twilio-key", "SK" + HEX[:32]),
    ("openai-key", "sk-" + "proj-" + MIXED[:48]),
    ("openai-key", "sk-" + MIXED[:48]),
    ("anthropic-key", "sk-" + "ant-api03-" + MIXED + "-AA"),
    ("google-key", "AIza" + "Sy" + MIXED[:33]),
    ("google-secret", "GOCSPX-" + MIXED[:28]),
    ("huggingface-token", "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh"),
    ("digitalocean-token", "dop_v1_" + HEX),
    ("age-key", "AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L" + "QPZRY9X8GF2TVDW0S3JN54KHCE"),
    ("telegram-token", "123456789:" + "AAE" + MIXED[:32]),
    ("discord-token", "M" + MIXED[:23] + "." + MIXED[:6] + "." + MIXED[:27]),
    ("jwt", "eyJ" + "hbGciOiJIUzI1NiJ9" + "." + "eyJ" + "zdWIiOiIxMjM0In0" + "." + MIXED[:43]),
    ("azure-secret", "abc8Q~" + MIXED[:34]),
    ("vault-token", "hvs." + MIXED[:40]),
    ("databricks-token", "dapi" + HEX[:32]),
    ("discord-token", "M" + MIXED[:25] + "." + MIXED[:6] + "." + MIXED[:38]),
    ("stripe-key", "sk_" + "org_live_" + MIXED[:24]),
    ("square-token", "EAAA" + MIXED[:60]),
    ("facebook-token", "EAA" + MIXED + MIXED),
    ("newrelic-key", "NRII-" + MIXED[:32]),
    ("newrelic-key", HEX[:36] + "NRAL"),
    ("heroku-key", "HRKU-" + "AA" + MIXED[:58]),
    ("google-key", "AQ." + "Ab8RN6" + MIXED[:45]),
    ("aws-key", "ABSK" + base64.b64encode(("BedrockAPIKey:" + MIXED).encode()).decode()),
    ("azure-key", MIXED[:52] + "JQQJ99" + MIXED[:8] + "ACAAAAAAAAAAAAASAZDO" + MIXED[:4]),
    ("1password-token", "ops_eyJ" + MIXED + MIXED),
    ("pinecone-key", "pcsk_" + MIXED[:6] + "_" + MIXED[:63]),
    ("nvidia-key", "nvapi-" + MIXED),
    ("langsmith-key", "lsv2_pt_" + HEX[:32] + "_" + HEX[:10]),
    ("tavily-key", "tvly-" + "dev-" + MIXED[:32]),
    ("firecrawl-key", "fc-" + HEX[:32]),
    ("elevenlabs-key", "sk_" + HEX[:48]),
    ("brevo-key", "xkeysib-" + HEX + "-" + MIXED[:16]),
    ("mailgun-key", "key-" + HEX[:32]),
    ("resend-key", "re_" + MIXED[:8] + "_" + MIXED[:24]),
    ("razorpay-key", "rzp_" + "live_" + MIXED[:14]),
    ("neon-key", "napi_" + MIXED.lower()[:64]),
    ("vercel-token", "vcp_" + MIXED[:56]),
    ("contentful-token", "CFPAT-" + MIXED[:43]),
    ("typeform-token", "tfp_" + MIXED[:59]),
    ("posthog-key", "phx_" + MIXED[:43]),
    ("launchdarkly-key", "sdk-" + "9f86d081-884c-4d65-9a2f-eaa0c55ad015"),
    ("notion-token", "secret_" + MIXED[:43]),
    ("crates-token", "cio" + MIXED[:32]),
    ("nuget-key", "oy2" + MIXED.lower()[:43]),
    ("alibaba-key", "LTAI" + MIXED[:20]),
    ("password-hash", "$6$" + MIXED[:16] + "$" + MIXED + MIXED[:22]),
    ("private-key", pem("RSA PRIVATE KEY")),
    ("private-key", pem("OPENSSH PRIVATE KEY")),
    ("private-key", pem("PRIVATE KEY").replace("\n", "\\n")),
    ("private-key", pem("PGP PRIVATE KEY BLOCK")),
)

PARTIAL: tuple[tuple[str, str, str], ...] = (
    # kind, text with {} in place of the secret, the secret
    ("url-password", "postgresql://admin:{}@db.example.org:5432/app", "s3cr" + "3tpw"),
    ("url-password", "redis://:{}@cache:6379/0", "Kd82ks" + "Lq"),
    ("url-password", "amqp://app:{}@[::1]/", "p@" + "ss-9"),
    ("url-password", "mysql://app:{}@db/app", "sec" + "ret"),
    ("url-token", "https://{}@github.com/acme/shop", HEX[:40]),
    ("webhook", "https://acme.webhook.office.com/webhookb2/{}", f"{HEX[:30]}@{HEX[:30]}/IncomingWebhook/{HEX}/a"),
    ("password", "db.example.org:5432:app:ann:{}", "tr0ub4" + "dor"),
    ("password", "CREATE USER app IDENTIFIED BY '{}'", "tr0ub4" + "dor"),
    ("password", 'variable "db_password" {{ default = "{}" }}', "tr0ub4" + "dor"),
    ("password", "username admin password {}", "tr0ub4" + "D0r9"),
    ("password", "密码\uff1a{}", "tr0ub4" + "dor&3"),
    ("private-key", "the private key is {}", "0x" + HEX),
    ("private-key", "client-key-data: {}", MIXED),
    ("seed-phrase", "mnemonic: {}", "legal winner thank year wave sausage worth useful legal winner thank yellow"),
    ("api-key", "APP_KEY=base64:{}", MIXED[:43] + "="),
    ("password", "password = {}", "hunter" + "2"),
    ("password", "PASSWORD={}\nUSER=x", "sword" + "fish"),
    ("password", 'DB_PASSWORD: "{}"', "sword" + "fish"),
    ("password", "PGPASSWORD={} psql", "tr0ub4" + "dor&3"),
    ("password", 'db_password: str = "{}"', "tr0ub4" + "dor"),
    ("password", '{{"user": "ann", "password": "{}"}}', "tr0ub4" + "dor"),
    ("password", '{{\\"password\\": \\"{}\\"}}', "tr0ub4" + "dor"),
    ("password", "connect(host=h, password='{}')", "tr0ub4" + "dor"),
    ("password", "Server=db;Password={};Database=app", "tr0ub4" + "dor"),
    ("password", "The staging password is {}.", "tr0ub4" + "dor&3"),
    ("password", "password for ann: {}", "tr0ub4" + "dor&3"),
    ("password", "**Password:** {}", "tr0ub4" + "dor"),
    # Passwords that hold a word for one.
    ("password", "password: {}", "hunter2" + "secret"),
    ("password", "admin_password: {}", "my" + "token99x"),
    ("password", "password: {}", "Pass" + "w0rd"),
    ("password", "the password: {}, as before", "hunter2" + "secret"),
    ("password", "password -> {}", "tr0ub4" + "dor"),
    ("password", "mysql --password={} app", "tr0ub4" + "dor"),
    ("password", "tool login --password {} --user ann", "tr0ub4" + "dor"),
    ("password", "ALTER ROLE app PASSWORD '{}'", "tr0ub4" + "dor"),
    ("password", "machine h login ann password {}", "tr0ub4" + "dor"),
    ("password", "curl -u ann:{} https://api.example.org", "tr0ub4" + "dor"),
    ("api-key", "api_key: {}", MIXED[:24]),
    ("api-key", "X-Api-Key: {}", HEX[:32]),
    ("api-key", "aws_secret_access_key = {}", MIXED[:30] + "/" + MIXED[30:39]),
    ("api-key", '- name: MAIL_API_KEY\n  value: "{}"', MIXED[:24]),
    ("api-key", "https://api.example.org/v1?api_key={}&page=2", HEX[:32]),
    ("secret", '"client_secret": "{}"', MIXED[:32]),
    ("secret", "CLIENT_SECRET={}", HEX[:40]),
    ("token", "ACCESS_TOKEN='{}'", MIXED[:32]),
    ("token", "--token {}", HEX[:40]),
    ("bearer-token", "Authorization: Bearer {}", HEX[:40]),
    ("basic-auth", "Authorization: Basic {}", base64.b64encode(b"ann:tr0ub4dor").decode()),
    ("azure-key", "AccountName=x;AccountKey={};Suffix=y", MIXED[:60] + MIXED[:26] + "=="),
    ("azure-signature", "https://x.blob.core.windows.net/c?sv=1&sig={}&se=2", MIXED[:43] + "%3D"),
    ("discord-webhook", "https://discord.com/api/webhooks/123456789/{}", MIXED),
    ("npm-token", "//registry.example.org/:_authToken={}", HEX[:36]),
)

HARMLESS: tuple[str, ...] = (
    "password: dbPassword2",
    "password: db_password_2b",
    "password: k8sSecret.value",
    "password: password2",
    "password: Base64Password",
    "fn open(path: &Path, password: Pkcs12Password) -> Self",
    "self.password = oauth2Secret",
    "client.connect({ host, password: db2Password })",
    "password: k8ssecret",
    "password: oauth2token",
    "connect(password=user1pass, timeout=3)",
    "the password is rotated monthly",
    "The password was changed to comply with policy",
    "password = get_password()",
    'password = os.environ["DB_PASSWORD"]',
    "password: str",
    "password: Optional[str] = None",
    "connect(user=user, password=password)",
    "connect(password=self.password, token=self._token)",
    "password=settings.DB_PASSWORD,",
    "password = (lambda: stored)",
    "api_key: <your-key>",
    'api_key = "your-api-key-here"',
    "API_KEY=xxxxxxxxxxxxxxxxxxxx",
    "PASSWORD=********",
    "PASSWORD=${DB_PASSWORD}",
    "PASSWORD=$1",
    "password: {{ vault.password }}",
    "password: changeme",
    "password: %(password)s",
    '"password": "Password must have at least 8 characters"',
    "Password: required",
    "password hash: argon2id",
    "password: SHA-256",
    "token: 512",
    "max_tokens = 4096",
    "token_count=128000",
    'token = "[CLS]"',
    "token = tokens[i]",
    "the token is refreshed every 15 minutes",
    "secret: my-app-secrets-v2",
    "secretName: billing-db-credentials",
    "PWD=/srv/app/releases/2024",
    "Reset password: https://example.org/reset?step=2",
    "Bearer authentication is required",
    "Authorization: Basic authentication",
    "Basic understanding of the code",
    "postgresql://user:password@localhost/db",
    "postgresql://user:${PGPASSWORD}@localhost/db",
    "git@github.com:owner/repo.git",
    "http://localhost:8080/users/@me",
    "commit " + HEX[:40],
    "sha256:" + HEX,
    "fixed in " + HEX[:7],
    "request 123e4567-e89b-12d3-a456-426614174000 failed",
    "etag d41d8cd98f00b204e9800998ecf8427e",
    'aws s3 key "' + HEX[:40] + '"',
    "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 4).decode(),
    "sk-button-primary-active-hover-state-2",
    "task-manager-with-a-really-long-name-1",
    "NotificationServiceManager.config.default_retry_backoff_secs",
    "PrivateKey and PublicKey are classes; -----BEGIN CERTIFICATE----- stays",
    "The file starts with " + "-" * 5 + "BEGIN RSA PRIVATE KEY" + "-" * 5 + " and the loader fails",
    "192.0.2.17 answered with 200",
    "1700000000:some_module_level_identifier_name_x",
    "eyJust a word.",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8mQ4u2fW ann@example.org",
)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    return Redactor()


@pytest.mark.parametrize(("kind", "secret"), SECRETS)
@pytest.mark.parametrize(
    "frame", ["{}", "deployed with {} today.", "({})", "KEY={}\n", '{{"note": "{}"}}', "a\\n{}\\n"]
)
def test_a_known_secret_is_replaced_whole_and_named(redactor: Redactor, kind: str, secret: str, frame: str) -> None:
    found = redactor.redact(frame.format(secret))

    assert found.text == frame.format(f"[redacted:{kind}]")
    assert found.counts == {kind: 1}


@pytest.mark.parametrize(("kind", "frame", "secret"), PARTIAL)
def test_only_the_secret_value_is_replaced(redactor: Redactor, kind: str, frame: str, secret: str) -> None:
    found = redactor.redact(frame.format(secret))

    assert found.text == frame.format(f"[redacted:{kind}]")
    assert found.counts == {kind: 1}


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(redactor: Redactor, text: str) -> None:
    found = redactor.redact(text)

    assert found.text == text
    assert found.counts == {}


def test_a_private_key_without_its_end_is_replaced_with_its_lines(redactor: Redactor) -> None:
    cut = pem("EC PRIVATE KEY").rsplit("\n", 1)[0]

    assert redactor.redact(f"log:\n{cut}\nthat was all").text == "log:\n[redacted:private-key]\nthat was all"


def test_several_secrets_are_counted_by_kind(redactor: Redactor) -> None:
    aws, github = "AKIA" + "Q7ZXW3RTYUIOPA5S", "ghp_" + MIXED[:36]

    found = redactor.redact(f"{aws} {github} {aws}")

    assert found.text == "[redacted:aws-key] [redacted:github-token] [redacted:aws-key]"
    assert found.counts == {"aws-key": 2, "github-token": 1}


def test_a_secret_found_by_two_patterns_is_replaced_once_under_its_own_name(redactor: Redactor) -> None:
    found = redactor.redact('token = "' + "ghp_" + MIXED[:36] + '"')

    assert found.text == 'token = "[redacted:github-token]"'
    assert found.counts == {"github-token": 1}


def test_overlapping_secrets_leave_nothing_of_either(redactor: Redactor) -> None:
    inner = "AKIA" + "Q7ZXW3RTYUIOPA5S"

    found = redactor.redact(f'password = "pre-{inner}-post9"')

    assert found.text == 'password = "[redacted:password]"'
    assert found.counts == {"password": 1}


@pytest.mark.parametrize(
    "text",
    [secret for _, secret in SECRETS]
    + [frame.format(secret) for _, frame, secret in PARTIAL]
    + ["password=[redacted:password]", "[redacted:aws-key][redacted:jwt]", "token: [redacted:x"],
)
def test_redacting_twice_changes_nothing_more(redactor: Redactor, text: str) -> None:
    once = redactor.redact(text)
    twice = redactor.redact(once.text)

    assert twice.text == once.text
    assert twice.counts == {}


_PIECES = st.sampled_from(
    [secret for _, secret in SECRETS]
    + [frame.format(secret) for _, frame, secret in PARTIAL]
    + ["password", "=", ": ", '"', "'", "[redacted:", "]", "\\", "\n", " ", "://", "@", "-----", "eyJ", ".", "x"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=12).map("".join))
def test_redaction_is_idempotent_on_anything(text: str) -> None:
    redactor = _SHARED
    once = redactor.redact(text)

    assert redactor.redact(once.text).text == once.text


_SHARED = Redactor()


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(categories=("Ll", "Zs", "Nd")), max_size=300))
def test_lower_case_prose_and_numbers_stay(text: str) -> None:
    assert _SHARED.redact(text).text == text


NASTY = (
    *(
        "key" + " " * 40,
        "token ",
        "password=",
        'password="',
        'password=\\"',
        "secret: a1",
        "--a",
        "----",
        "-----BEGIN ",
    ),
    *("-" * 5 + "BEGIN RSA PRIVATE KEY" + "-" * 5, "://a:", "://", "a://b:c@", "eyJ", "eyJaaaaaaaa.", "sk-", "sk-ant-"),
    *("aws key ", "AKIA", "xoxb-", "xoxb-1-", "glagent-", "SG.", "SG.aaaaaaaaaaaaaaaaaaaaaa.", "1234567890:", "MaaaA1"),
    *("Basic ", "Bearer ", "Authorization: ", "login a ", "curl -u a:", "sig=", "AccountKey=", "[redacted:", "value="),
    *("//a/:_authToken=", "a", "1", "Aa1", "\\n", "'", '"', "`", "\n", " ", "\t", "password: a=", "AGE-SECRET-KEY-1"),
    *(
        "password for ",
        "password x",
        "password (a b",
        "pass: a1!",
        "user a pass ",
        "login a / ",
        "credentials a:b",
        "dbpass",
        "export PASS=",
        "token: str",
        "Private-Lines: 1\n",
        "A" * 63 + "\n",
        "https://hooks.slack.com/services/T",
        "\u0130",
    ),
)


@pytest.mark.parametrize("piece", NASTY)
def test_time_grows_with_the_length_and_not_with_its_square(redactor: Redactor, piece: str) -> None:
    """Eight times the text may take eight times the processor's time, with room for noise; its square would take 64."""

    def seconds(chars: int) -> float:
        text = (piece * (chars // len(piece) + 1))[:chars] + "!"
        best = float("inf")
        for _ in range(5):
            start = time.thread_time()
            redactor.redact(text)
            best = min(best, time.thread_time() - start)
        return best

    assert seconds(MAX_CONTENT_CHARS) < max(0.05, 40 * seconds(MAX_CONTENT_CHARS // 8))


def test_nested_values_keep_their_shape_and_lose_their_secrets(redactor: Redactor) -> None:
    aws = "AKIA" + "Q7ZXW3RTYUIOPA5S"
    value = {
        "steps": [f"export KEY={aws}", "run"],
        "files": ("a.py", aws),
        "confidence": 0.5,
        "source": None,
        "x": {"y": aws},
    }

    found = redactor.redact_value(value)

    mark = "[redacted:aws-key]"
    assert found.value == {
        "steps": [f"export KEY={mark}", "run"],
        "files": ("a.py", mark),
        "confidence": 0.5,
        "source": None,
        "x": {"y": mark},
    }
    assert found.counts == {"aws-key": 3}
    assert value["files"] == ("a.py", aws)


def test_importing_the_module_does_not_import_the_detector() -> None:
    script = (
        "import sys, athena_mcp.remember.redact; sys.exit('detect_secrets' in sys.modules or 'requests' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(
    "text",
    ["\x1b[33m{}\x1b[0m", "\x1b[1;31m{}\x1b[m", "a\\u001b[32m{}", "\\x1b[32m{}", "q?t%3D{}&x=1", "\\u0022{}\\u0022"],
)
@pytest.mark.parametrize("secret", ["ghp_" + MIXED[:36], "AKIA" + "Q7ZXW3RTYUIOPA5S", "glpat-" + MIXED[:20]])
def test_a_secret_in_colour_or_after_an_escape_is_found(redactor: Redactor, text: str, secret: str) -> None:
    redacted = redactor.redact(text.format(secret))
    assert redacted.counts
    assert secret not in harmless(redacted.text)


def test_a_secret_with_a_colour_inside_is_found(redactor: Redactor) -> None:
    redacted = redactor.redact("token: \x1b[01;31mghp_\x1b[m" + MIXED[:36])
    assert MIXED[:36] not in redacted.text
