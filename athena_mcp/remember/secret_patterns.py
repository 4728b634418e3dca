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
    is_encoded_key,
    is_mixed,
    is_not_hex,
    is_random,
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


_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
"""Where a token may begin: after no letter or digit, unless that is the end of an escape such as ``\\n``."""


def _token(kind: str, prefix: str, body: str, accept: Callable[[str], bool] | None = None) -> SecretPattern:
    """A token known by its `prefix`, a literal, and the regular expression of what follows it."""
    return SecretPattern(kind, f"{_START}{re.escape(prefix)}{body}", (prefix.lower(),), accept)


def _shape(
    kind: str, hints: tuple[str, ...], expression: str, accept: Callable[[str], bool] | None = None, flags: int = 0
) -> SecretPattern:
    return SecretPattern(kind, expression, hints, accept, re.VERBOSE | flags)


def _is_key_body(block: str) -> bool:
    """Whether a private key block holds a key and not dots or a name."""
    return len(re.findall(r"[A-Za-z0-9+/=]", block)) >= 2 * len("-----BEGIN PRIVATE KEY-----") + 32


TOKENS: tuple[SecretPattern, ...] = (
    _token("anthropic-key", "sk-ant-", r"[\w-]{20,}"),
    _token("openrouter-key", "sk-or-", r"[\w-]{20,}", is_random),
    _token("openai-key", "sk-", r"(?:proj-|svcacct-|admin-|None-)?[\w-]{20,}", is_random),
    _token("stripe-key", "sk_", r"(?:live|test)_[A-Za-z0-9]{10,}", is_random),
    _token("stripe-key", "rk_", r"(?:live|test)_[A-Za-z0-9]{10,}", is_random),
    _token("stripe-key", "whsec_", r"[A-Za-z0-9+/=]{24,}"),
    _token("google-key", "AIza", r"[\w-]{35}(?![\w-])"),
    _token("google-token", "ya29.", r"[\w-]{20,}"),
    _token("google-token", "1//0", r"[\w-]{40,}"),
    _token("google-secret", "GOCSPX-", r"[\w-]{20,}"),
    _token("huggingface-token", "hf_", r"[A-Za-z0-9]{30,}"),
    _token("github-token", "github_pat_", r"\w{20,}"),
    _token("github-token", "gh", r"[pousr]_[A-Za-z0-9]{36,}"),
    _token("gitlab-token", "glpat-", r"[\w.-]{20,}", is_random),
    _token("npm-token", "npm_", r"[A-Za-z0-9]{36,}"),
    _token("pypi-token", "pypi-", r"[\w-]{60,}"),
    _token("rubygems-key", "rubygems_", r"[a-f0-9]{48}"),
    _token("slack-token", "xox", r"[abcdeoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}", is_random),
    _token("slack-token", "xapp-", r"\d-[A-Za-z0-9-]{20,}"),
    _token("slack-token", "https://hooks.slack.com/", r"(?:workflows|triggers)/[\w/]{20,}"),
    _token("sendgrid-key", "SG.", r"[\w-]{16,32}\.[\w-]{32,}"),
    _token("digitalocean-token", "do", r"[opr]_v1_[a-f0-9]{64}"),
    _token("age-key", "AGE-SECRET-KEY-1", r"[0-9A-Z]{50,}"),
    _token("vault-token", "hv", r"[sbr]\.[\w-]{24,}", is_random),
    _token("databricks-token", "dapi", r"[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])"),
    _token("shopify-token", "shp", r"(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    _token("linear-key", "lin_api_", r"[A-Za-z0-9]{32,}"),
    _token("postman-key", "PMAK-", r"[A-Za-z0-9-]{50,}"),
    _token("newrelic-key", "NRAK-", r"[A-Z0-9]{27}"),
    _token("grafana-token", "glsa_", r"[A-Za-z0-9]{32}_[a-fA-F0-9]{8}"),
    _token("grafana-token", "glc_", r"[A-Za-z0-9+/=]{32,}"),
    _token("sentry-token", "sntry", r"[su]_[\w+/=-]{40,}"),
    _token("groq-key", "gsk_", r"[A-Za-z0-9]{40,}"),
    _token("xai-key", "xai-", r"[A-Za-z0-9]{60,}"),
    _token("perplexity-key", "pplx-", r"[A-Za-z0-9]{40,}"),
    _token("replicate-token", "r8_", r"[A-Za-z0-9]{37}"),
    _token("supabase-key", "sb", r"(?:p_[a-f0-9]{40}|_secret_[\w-]{20,})"),
    _token("pulumi-token", "pul-", r"[a-f0-9]{40}"),
    _token("doppler-token", "dp.", r"(?:pt|st|ct|sa|scim|audit)\.(?:[\w-]{1,40}\.)?[A-Za-z0-9]{40,}"),
    _token("fly-token", "fm2_", r"[\w+/=,-]{60,}"),
    _token("notion-token", "ntn_", r"[A-Za-z0-9]{40,}"),
    _token("square-token", "sq0", r"(?:atp|csp|idp)-[\w-]{22,}"),
    _token("docker-token", "dckr_", r"(?:pat|oat)_[\w-]{24,}"),
    _token("atlassian-token", "ATATT3", r"[\w=-]{60,}"),
    _token("atlassian-token", "ATCTT3", r"[\w=-]{60,}"),
    _token("bitbucket-token", "ATBB", r"[A-Za-z0-9]{28,}", is_mixed),
    _token("figma-token", "figd_", r"[\w-]{36,}"),
    _token("airtable-token", "pat", r"[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    _token("dropbox-token", "sl.", r"(?:u\.)?[\w-]{100,}"),
    _token("hubspot-token", "pat-", rf"(?:na|eu|ap)\d-{_UUID}"),
    _token("asana-token", "1/", r"\d{16}:[a-f0-9]{32}(?![a-f0-9])"),
    _token("plaid-token", "access-", rf"(?:sandbox|development|production)-{_UUID}"),
    _token("planetscale-token", "pscale_", r"(?:tkn|pw|oauth)_[\w.-]{32,}"),
    _token("netlify-token", "nfp_", r"[A-Za-z0-9]{36,}"),
    _token("render-key", "rnd_", r"[A-Za-z0-9]{24,}", is_mixed),
    _token("buildkite-token", "bk", r"(?:ua|pt|ct|aj)_[a-f0-9]{40}"),
    _token("circleci-token", "CCIP", r"(?:AT|RJ)_[A-Za-z0-9]{20,24}_[a-f0-9]{40}"),
    _token("sonar-token", "sq", r"[pau]_[a-f0-9]{40}"),
    _token("tailscale-key", "tskey-", r"(?:auth|api|client|scim|webhook)-[A-Za-z0-9-]{20,}", is_random),
    _token("artifactory-key", "cmVmdGtuO", r"[A-Za-z0-9]{50,}"),
    # A private key file in base64, as Kubernetes and build servers keep it.
    _token("private-key", "LS0tL", r"[A-Za-z0-9+/]{60,}={0,2}", is_encoded_key),
    _token("telegram-token", "bot", r"(?P<secret>\d{8,10}:[\w-]{35})(?![\w-])"),
    _token("jwt", "eyJ", r"[\w-]{8,}+\.[\w-]{10,}+(?:\.[\w-]*+){0,3}"),
)
"""Known by their first characters."""

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
        ("basic",),
        r"(?<![A-Za-z])Basic[ ]{1,3}(?P<secret>[A-Za-z0-9+/]{6,}+={0,2})",
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
)
"""Known by what stands around them."""
