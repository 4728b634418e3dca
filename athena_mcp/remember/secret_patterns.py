"""What secrets look like: the patterns of `detect_secrets` that fit single texts, and ours for what they miss.

Every pattern of ours takes time linear in the text: it cannot start twice in the same run of characters, or what it
may run over is bounded. Patterns of `detect_secrets` that do not hold to that, or that catch only the beginning of a
secret, are left out and have a counterpart here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module

from athena_mcp.remember.secret_values import (
    is_argument,
    is_basic_credentials,
    is_mixed,
    is_not_hex,
    is_random,
    is_spoken,
    is_url_password,
)

NAMED_GROUP = "secret"
"""The named group that a pattern replaces; a pattern without it replaces its whole match."""


@dataclass(frozen=True, slots=True)
class SecretPattern:
    """One shape of a secret, as a regular expression not yet compiled.

    `hints` are lower-case strings of which one must be in the lower-cased text for the pattern to be worth running
    (none: always run it); `accept` judges the matched secret.
    """

    kind: str
    expression: str
    hints: tuple[str, ...] = ()
    accept: Callable[[str], bool] | None = None
    flags: int = 0


@dataclass(frozen=True, slots=True)
class _Borrowed:
    """A detector of `detect_secrets` whose patterns are used as they are."""

    module: str
    detector: str
    kind: str
    hints: tuple[str, ...]
    accept: Callable[[str], bool] | None = None


BORROWED: tuple[_Borrowed, ...] = (
    _Borrowed("aws", "AWSKeyDetector", "aws-key", ("a3t", "abia", "acca", "akia", "asia", "aws"), is_not_hex),
    _Borrowed("discord", "DiscordBotTokenDetector", "discord-token", (".",), is_mixed),
    _Borrowed("github_token", "GitHubTokenDetector", "github-token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    _Borrowed("gitlab_token", "GitLabTokenDetector", "gitlab-token", ("gl", "gr1348941"), is_random),
    _Borrowed("mailchimp", "MailchimpDetector", "mailchimp-key", ("-us",), is_random),
    _Borrowed("pypi_token", "PypiTokenDetector", "pypi-token", ("pypi-",)),
    _Borrowed("sendgrid", "SendGridDetector", "sendgrid-key", ("sg.",), is_random),
    _Borrowed("slack", "SlackDetector", "slack-token", ("xox", "hooks.slack.com")),
    _Borrowed("square_oauth", "SquareOAuthDetector", "square-secret", ("sq0csp-",)),
    _Borrowed("stripe", "StripeDetector", "stripe-key", ("k_live_",)),
    _Borrowed("telegram_token", "TelegramBotTokenDetector", "telegram-token", (":",), is_mixed),
    _Borrowed("twilio", "TwilioKeyDetector", "twilio-key", ("ac", "sk"), is_random),
)
"""Left out, and why:
artifactory catches words; azure_storage_key takes the name too; basic_auth, jwt, openai and private_key take a part
(ours take the whole secret); cloudant, ibm_cloud_iam, ibm_cos_hmac, softlayer and npm may need time in the square of
the text (their named values are found by name); high_entropy_strings catches digests and commit ids; ip_public is no
secret; keyword catches prose and code."""


def borrowed_patterns() -> Iterator[SecretPattern]:
    """The patterns of `detect_secrets`. Importing it costs a tenth of a second (it brings `requests`), so only here."""
    for source in BORROWED:
        detector = getattr(import_module(f"detect_secrets.plugins.{source.module}"), source.detector)
        for regex in detector.denylist:
            yield SecretPattern(source.kind, regex.pattern, source.hints, source.accept, regex.flags)


def _shape(
    kind: str, hints: tuple[str, ...], expression: str, accept: Callable[[str], bool] | None = None, flags: int = 0
) -> SecretPattern:
    return SecretPattern(kind, expression, hints, accept, re.VERBOSE | flags)


_SPOKEN = r"""(?P<secret>[^\s"'`]{5,99}[^\s"'`,;.)\]}:!?*|\\])"""
"""A word without the punctuation of the sentence it ends."""


def _is_key_body(block: str) -> bool:
    """Whether a private key block holds a key and not dots or a name."""
    return len(re.findall(r"[A-Za-z0-9+/=]", block)) >= 2 * len("-----BEGIN PRIVATE KEY-----") + 32


SHAPES: tuple[SecretPattern, ...] = (
    _shape(
        "private-key",
        ("private key",),
        # A whole block; where its end is missing, the header with the lines of base64 after it.
        r"""-{4,5}[ ]?BEGIN[ ](?:[A-Z0-9]{1,12}[ ]){0,3}PRIVATE[ ]KEY(?:[ ]BLOCK)?[ ]?-{4,5}
            (?:(?:[^-]|-(?!---))*+-{4,5}[ ]?END[ ](?:[A-Z0-9]{1,12}[ ]){0,3}PRIVATE[ ]KEY(?:[ ]BLOCK)?[ ]?-{4,5}
              |(?:(?:\s|\\[nr]|[>+|"',\\])*+[A-Za-z0-9+/=]{16,}+)++)""",
        _is_key_body,
    ),
    _shape("private-key", ("private-lines:",), r"Private-Lines:[ ]\d+\s+(?P<secret>(?:[A-Za-z0-9+/=]{16,}+\s*+)++)"),
    _shape(
        "url-password",
        ("://",),
        r"""(?<=[A-Za-z0-9])://[^\s:/?\#@"'`<>|]{0,100}:(?P<secret>[^\s/?\#"'`<>|]{1,300})@(?=[\w\[$%{.-])""",
        is_url_password,
    ),
    # Some passwords hold what a URL may not: then all before the last @ is taken, in addresses of services only.
    _shape(
        "url-password",
        ("sql", "postgres", "mongo", "redis", "amqp", "mariadb", "clickhouse", "ldap", "smtp", "ftp", "oracle"),
        r"""(?<![A-Za-z])(?:jdbc:)?(?:postgres(?:ql)?|mysql|mariadb|mongodb|rediss?|amqps?|mssql|sqlserver|clickhouse|ldaps?
            |smtps?|s?ftps?|oracle|cockroachdb)(?:\+\w{1,20})?://[^\s:/?\#@"'`<>|]{0,100}:(?!\d{1,5}[/?\#])
            (?P<secret>[^\s/?\#@"'`<>|]{0,200}[/?\#][^\s"'`<>|]{0,200})@(?=[\w\[$%{.-])""",
        is_url_password,
        re.IGNORECASE,
    ),
    # user:password@tcp(host:3306)/name
    _shape(
        "url-password",
        ("@tcp(", "@unix("),
        r"(?<![\w:.-])[\w.-]{1,60}:(?P<secret>[^\s\"'`<>|]{1,100}?)@(?:tcp|unix)\(",
        is_url_password,
    ),
    # host=db user=app password='two words'
    _shape(
        "password",
        ("dbname=", "host=", "user="),
        r"""(?<![\w.-])password[ ]?=[ ]?'(?P<secret>(?:[^'\\\n]|\\.){4,200})'""",
        is_url_password,
    ),
    _shape(
        "password",
        ("</",),
        r"""<(?P<tag>[\w:.-]{0,40}(?:password|passwd|pwd|secret|token|api[_-]?key))>\s{0,20}
            (?P<secret>[^<\s]{4,300}+)\s{0,20}</(?P=tag)>""",
        is_argument,
        re.IGNORECASE,
    ),
    # The key that follows its id.
    _shape(
        "aws-secret",
        ("akia", "asia", "abia", "acca"),
        r"""(?<![A-Za-z0-9])(?:ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])[^A-Za-z0-9+/]
            (?:(?![A-Za-z0-9+/]{40})[\s\S]){0,60}?(?<![A-Za-z0-9+/])(?P<secret>[A-Za-z0-9+/]{40})(?![A-Za-z0-9+/=])""",
        is_mixed,
    ),
    _shape(
        "basic-auth",
        ('auth"',),
        r"""\\?"auth\\?"[ ]?:[ ]?\\?"(?P<secret>[A-Za-z0-9+/]{6,400}+={0,2})\\?\"""",
        is_basic_credentials,
    ),
    _shape(
        "basic-auth",
        ("basic", "apikey"),
        r"(?<![A-Za-z])(?:Basic|ApiKey)[ ]{1,3}(?P<secret>[A-Za-z0-9+/]{6,}+={0,2})",
        is_basic_credentials,
        re.IGNORECASE,
    ),
    _shape(
        "bearer-token",
        ("bearer", "ssws", "authorization"),
        r"""(?<![A-Za-z])(?:Bearer|SSWS|Authorization\\?["']?[ ]?[:=][ ]?\\?["']?(?:Token|ApiKey|Key|Negotiate|NTLM))
            [ ]{1,3}(?P<secret>[A-Za-z0-9._~+/=-]{12,}+)""",
        is_random,
        re.IGNORECASE,
    ),
    _shape(
        "bearer-token",
        ("authorization",),
        r"""(?<![A-Za-z])Authorization\\?["']?[ ]?[:=][ ]?\\?["']?(?P<secret>[A-Za-z0-9._~+/=-]{20,}+)""",
        is_random,
        re.IGNORECASE,
    ),
    _shape(
        "session-cookie",
        ("cookie",),
        r"""(?<![A-Za-z])(?:[\w.-]{0,20}sess(?:ion)?[\w.-]{0,10}|[\w.-]{0,20}auth[\w.-]{0,10}|(?:connect\.)?sid|remember_me)=
            (?P<secret>[\w%.~+/=-]{16,}+)""",
        is_random,
        re.IGNORECASE,
    ),
    _shape("azure-secret", ("q~",), r"(?:(?<![\w~.-])|(?<=\\[nrt]))[\w~.-]{3}\dQ~[\w~.-]{31,34}(?![\w~.-])"),
    _shape("azure-signature", ("sig=",), r"[?&;]sig=(?P<secret>[A-Za-z0-9%+/]{40,}+(?:=|%3D)?)", None, re.IGNORECASE),
    _shape(
        "azure-key",
        ("key=",),
        r"(?:Account|SharedAccess|Shared)Key=(?P<secret>[A-Za-z0-9+/]{40,}+={0,2})",
        None,
        re.IGNORECASE,
    ),
    _shape(
        "discord-webhook",
        ("/api/webhooks/",),
        r"discord(?:app)?\.com/api/webhooks/\d{1,25}/(?P<secret>[\w-]{40,})",
    ),
    _shape("npm-token", ("_auth",), r"""_auth(?:Token)?[ ]?=[ ]?(?P<secret>[^\s"'$]{16,})""", is_random),
    _shape("terraform-token", (".atlasv1.",), r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}"),
    _shape("artifactory-key", ("akc",), r"(?<![A-Za-z0-9])AKC[A-Za-z0-9]{50,}", is_mixed),
    # Discord's bots: what the borrowed pattern takes for the last part has become longer.
    _shape(
        "discord-token",
        (".",),
        r"(?:(?<![\w.-])|(?<=\\[nrt]))[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w.-])",
        is_mixed,
    ),
    # Azure DevOps, OpenAI and the other services whose keys carry a mark in their middle.
    _shape(
        "azure-key",
        ("jqqj99", "+acr"),
        r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))[A-Za-z0-9]{42,52}(?:JQQJ99|\+ACR)[A-Za-z0-9]{6,40}",
        is_mixed,
    ),
    _shape("newrelic-key", ("nral",), r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))[a-f0-9]{36}(?:FFFF)?NRAL(?![A-Za-z0-9])"),
    _shape(
        "webhook",
        ("webhook.office.com",),
        r"webhook\.office\.com/webhookb2/(?P<secret>[\w@-]{30,120}/IncomingWebhook/[\w/-]{30,160})",
    ),
    _shape(
        "webhook",
        ("hooks.zapier.com",),
        r"hooks\.zapier\.com/hooks/catch/(?P<secret>\d{3,12}/[A-Za-z0-9]{5,20})",
    ),
    # A token in the place of the user: https://token@host
    _shape(
        "url-token",
        ("://",),
        r"""(?<=[A-Za-z0-9])://(?P<secret>[\w.-]{20,300})@(?=[\w\[])""",
        is_random,
    ),
    # A hashed password, as in /etc/shadow and .htpasswd
    _shape(
        "password-hash",
        ("$apr1$", "$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$y$", "$argon2"),
        r"(?:(?<![\w$])|(?<=\\[nrt]))\$(?:apr1|1|2[aby]|5|6|y|argon2id?)\$[\w./$=,+-]{20,200}",
    ),
    # A line of .pgpass
    _shape(
        "password",
        (":5432:", ":*:"),
        r"(?m)^[\w.*-]{1,100}:(?:\d{1,5}|\*):[\w*-]{1,60}:[\w*.-]{1,60}:(?P<secret>[^\s:]{4,200})$",
        is_argument,
    ),
    _shape(
        "private-key",
        ("private key", "private_key", "privatekey", "priv key", "secret key"),
        r"(?:private|priv|secret)[ _]?key[^\w\n]{0,3}(?:is[ ])?[^\w\n]{0,3}(?P<secret>(?:0x)?[a-f0-9]{64})(?![a-f0-9])",
        None,
        re.IGNORECASE,
    ),
    # The words that a wallet is made from (BIP 39)
    _shape(
        "seed-phrase",
        ("mnemonic", "seed phrase", "recovery phrase", "seed words"),
        r"""(?:mnemonic|(?:seed|recovery)[ ](?:phrase|words))(?:[ ]is)?\s?[:=]?\s?["'`]?
            (?P<secret>(?:[a-z]{3,8}[ ]){11,23}[a-z]{3,8})(?![a-z])""",
        None,
        re.IGNORECASE,
    ),
    # variable "db_password" { default = "…" }
    _shape(
        "password",
        ("variable",),
        r"""variable[ ]"[\w-]{0,40}(?:password|passwd|secret|token|api_?key)[\w-]{0,20}"[ ]?\{[^}]{0,300}?
            default[ ]{0,20}=[ ]{0,20}"(?P<secret>[^"\n]{4,300})\"""",
        is_argument,
        re.IGNORECASE,
    ),
    # What a kubeconfig holds
    _shape("private-key", ("client-key-data",), r"client-key-data:[ ]?(?P<secret>[A-Za-z0-9+/=]{40,})"),
    # CREATE USER app IDENTIFIED BY '…'; ConvertTo-SecureString '…'
    _shape(
        "password",
        ("identified", "securestring"),
        r"""(?:IDENTIFIED[ ](?:WITH[ ][\w'"]{1,40}[ ])?BY|ConvertTo-SecureString(?:[ ]-String)?)[ ]
            ["'](?P<secret>[^"'\n]{4,200})["']""",
        is_argument,
        re.IGNORECASE,
    ),
    # | password | … |
    _shape(
        "password",
        ("|",),
        r"""\|[ ]{0,20}`?(?:password|passwort|passwd|secret|token|api[ _-]?key)`?[ ]{0,20}\|[ ]{0,20}`?
            (?P<secret>[^\s|`]{6,300})`?[ ]{0,20}(?=\||$)""",
        is_random,
        re.IGNORECASE,
    ),
    # APP_KEY=base64:…
    _shape("api-key", ("base64:",), r"[A-Z_]{0,20}KEY[ ]?[=:][ ]?[\"']?base64:(?P<secret>[A-Za-z0-9+/]{40,}={0,2})"),
    # log in as admin with the password …; username admin password …
    _shape(
        "password",
        ("password", "passwd"),
        r"""(?:user(?:name)?|login|log[ ]in[ ]as)[ ][\w.@-]{1,60}[ ](?:and[ ]|with[ ])?(?:the[ ])?(?:password|passwd)[ ]
            (?P<secret>[^\s"'`]{6,100})""",
        is_random,
        re.IGNORECASE,
    ),
    # use password …
    _shape(
        "password",
        ("password ", "passwd ", "passphrase ", "passcode ", "passwort ", "kennwort "),
        rf"""(?<![\w-])(?:password|passwd|passphrase|passcode|passwort|kennwort)[ ](?:(?:will|should|must)[ ]be[ ])?
            \*{{0,2}}{_SPOKEN}""",
        is_spoken,
        re.IGNORECASE,
    ),
    # user admin pass …; pass: …; the pass is …
    _shape(
        "password",
        ("pass ", "pass:", "pwd ", "pw "),
        rf"""(?:(?:user(?:name)?|login|log[ ]in[ ]as)[ ][\w.@-]{{1,60}}[ ,]{{1,2}}(?:and[ ]|with[ ])?(?:pass|pwd|pw)[ ]
            |(?<![\w-])(?:pass[ ]?:|(?:pass|pw)[ ]is)[ ]){_SPOKEN}""",
        is_spoken,
        re.IGNORECASE,
    ),
    # login with admin / …; credentials: admin:…
    _shape(
        "password",
        ("login", "log in", "logged in", "sign in", "signed in", "credentials", "creds"),
        rf"""(?:login|log(?:ged)?[ ]in|sign(?:ed)?[ ]in|credentials|creds)(?:[ ](?:with|as|by|using|are)|:)?[ ]
            [\w.@-]{{1,60}}[ ]?[/:][ ]?{_SPOKEN}""",
        is_spoken,
        re.IGNORECASE,
    ),
)
"""Known by what stands around them."""
