"""Keys and tokens that show by their own first characters whose they are, as their issuers document them."""

from __future__ import annotations

import re

from .pieces import Piece, exactly, maybe, no_next, row, some
from .rule import ALNUM, HEX, WORD, Form, Found, Rule, Tail, apart, token

_END = no_next(ALNUM)


def token_rules() -> tuple[Rule, ...]:
    """The rules; where two begin alike, the longer anchor first."""
    return (*_models(), *_clouds(), *_code_hosts(), *_services(), *_without_a_name())


def _exact(kind: str, anchors: str, *pieces: Piece) -> Rule:
    return Rule(kind, tuple(anchors.split()), (Form(row(*pieces, _END)),), before=apart)


def _models() -> tuple[Rule, ...]:
    return (
        token("anthropic", "sk-ant-", 20),
        token("openrouter", "sk-or-", 20),
        token("langfuse", "sk-lf-", 20),
        token("openai", "sk-proj- sk-svcacct- sk-admin- sk-None-", 20),
        # Several providers use the bare prefix; a name such as sk-learn-contrib has a dash sooner.
        token("openai", "sk-", 20, ALNUM),
        token("openai", "sess-", 40, ALNUM),
        token("huggingface", "hf_ api_org_", 30, ALNUM),
        token("groq", "gsk_", 40, ALNUM),
        token("xai", "xai-", 40, ALNUM),
        token("replicate", "r8_", 30, ALNUM),
        token("perplexity", "pplx-", 32, ALNUM),
        token("tavily", "tvly-", 20),
        token("nvidia", "nvapi-", 40),
        token("fireworks", "fw_", 22, ALNUM),
        token("cerebras", "csk-", 30, ALNUM),
        token("together", "tgp_v1_", 30),
        token("langsmith", "lsv2_pt_ lsv2_sk_", 30, WORD),
        token("elevenlabs", "sk_", 48, HEX),
    )


def _clouds() -> tuple[Rule, ...]:
    return (
        _exact("aws-key-id", "AKIA ASIA ABIA ACCA", some("A-Z2-7", 16, 16)),
        token("google-api-key", "AIza", 35),
        token("google-oauth", "ya29.", 20, dotted=True),
        token("google-oauth", "GOCSPX-", 24),
        token("google-oauth", "1//0", 30),
        _after("azure-secret", "Q~", r"[A-Za-z0-9_.~-]{3}[0-9]", some("A-Za-z0-9_.~-", 31, 31), "A-Za-z0-9_.~-"),
        token("digitalocean", "dop_v1_ doo_v1_ dor_v1_", 32, HEX),
        token("heroku", "HRKU-", 32),
        token("alibaba", "LTAI", 16, ALNUM),
        token("vault", "hvs. hvb. hvr.", 20),
        _after("terraform", ".atlasv1.", "[A-Za-z0-9]{14}", some("A-Za-z0-9_=-", 40, 40), "A-Za-z0-9_=-"),
        token("pulumi", "pul-", 40, HEX),
        token("doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", 30, dotted=True),
        token("databricks", "dapi", 32, HEX),
        token("fly", "fm1r_ fm1a_ fm2_", 40, WORD + "+/=,"),
        token("netlify", "nfp_", 30, ALNUM),
        token("supabase", "sbp_ sb_secret_", 20),
        token("planetscale", "pscale_tkn_ pscale_pw_ pscale_oauth_", 30, dotted=True),
        token("tailscale", "tskey-", 16),
        token("onepassword", "ops_eyJ", 40),
        token("age", "AGE-SECRET-KEY-1", 40, "A-Z0-9"),
    )


def _code_hosts() -> tuple[Rule, ...]:
    return (
        token("github", "ghp_ gho_ ghu_ ghs_ ghr_", 30, dotted=True),
        token("github", "github_pat_", 22),
        token(
            "gitlab", "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- glsoat- gloas-", 20, dotted=True
        ),
        token("atlassian", "ATATT3xFf ATCTT3xFf ATBB", 20, WORD + "="),
        token("npm", "npm_", 30, ALNUM),
        token("pypi", "pypi-AgE", 40),
        token("rubygems", "rubygems_", 40, HEX),
        _exact("nuget", "oy2", some("a-z0-9", 43, 43)),
        token("docker", "dckr_pat_ dckr_oat_", 20),
        token("jfrog", "cmVmdGtuO", 40, ALNUM),
        token("circleci", "CCIPAT_", 20),
        token("buildkite", "bkua_", 32, HEX),
        token("sonar", "sqp_ squ_ sqa_", 40, HEX),
        token("postman", "PMAK-", 40),
        token("linear", "lin_api_ lin_oauth_", 32, ALNUM),
        token("figma", "figd_ figu_", 30),
    )


def _services() -> tuple[Rule, ...]:
    return (
        token(
            "slack",
            "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xoxc- xoxd- xoxe. xapp-",
            20,
            WORD + "%/+",
            dotted=True,
        ),
        _address("slack-webhook", "hooks.slack.com/", row(some("a-z", 7, 9), exactly("/"))),
        token("stripe", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", 16, ALNUM),
        token("webhook-secret", "whsec_", 24, ALNUM + "+/="),
        token("square", "sq0csp- sq0atp-", 20),
        Rule("square", ("EAAA",), (Form(some(WORD, 56, 56), Tail(some(WORD, 1, 1))),), before=_apart_from_base64),
        token("paypal", "access_token$production$", 20, "a-z0-9$"),
        token("shopify", "shpat_ shpca_ shppa_ shpss_", 32, "0-9a-fA-F"),
        _exact("twilio", "SK", some(HEX, 32, 32)),
        token("sendgrid", "SG.", 32, dotted=True),
        _exact("mailgun", "key-", some(HEX, 32, 32)),
        token("brevo", "xkeysib- xsmtpsib-", 40),
        _after("telegram", ":AA", "[0-9]{8}", some(WORD, 32, 32), WORD),
        _discord_bot(),
        _address("discord-webhook", "discord.com/api/webhooks/", row(some("0-9", 8, 24), exactly("/"))),
        _address("discord-webhook", "discordapp.com/api/webhooks/", row(some("0-9", 8, 24), exactly("/"))),
        token("notion", "ntn_", 40, ALNUM),
        _exact("notion", "secret_", some(ALNUM, 43, 43)),
        _exact("airtable", "pat", some(ALNUM, 14, 14), exactly("."), some(HEX, 64, 64)),
        token("hubspot", "pat-na1- pat-eu1- pat-na2-", 36),
        token("contentful", "CFPAT-", 40),
        token("dropbox", "sl.", 100, dotted=True),
        token("grafana", "glsa_ glc_", 32, WORD + "+/="),
        token("newrelic", "NRAK- NRJS- NRII- NRRA-", 16, WORD),
        token("sentry", "sntrys_ sntryu_", 40, WORD + "+/="),
        token("dynatrace", "dt0c01. dt0s01. dt0s16.", 60, dotted=True),
        token("adafruit", "aio_", 28, ALNUM),
        token("shippo", "shippo_live_ shippo_test_", 32, HEX),
        token("mapbox", "sk.eyJ", 40, dotted=True),
    )


def _without_a_name() -> tuple[Rule, ...]:
    part = some(WORD, 10, 1024)
    # A JWE with a direct key has an empty second part.
    jwt = row(part, exactly("."), maybe(exactly(".")), some(WORD, 10, 10))
    goes_on = Tail(row(maybe(exactly(".")), some(WORD, 1, 1)))
    return (Rule("jwt", ("eyJ",), (Form(jwt, goes_on),), before=apart),)


def _after(kind: str, anchors: str, preceding: str, body: Piece, tail: str) -> Rule:
    """A token whose anchor stands within it: what is ``preceding`` it stays, a stream has let it go by then."""
    ends = re.compile(rf"(?:{preceding})\Z")

    def before(text: str, floor: int, start: int) -> bool:
        return ends.search(text[max(floor, start - 16) : start]) is not None

    return Rule(kind, tuple(anchors.split()), (Form(body, Tail(some(tail, 1, 1))),), before=before)


def _apart_from_base64(text: str, floor: int, start: int) -> bool:
    # Base64 of anything with zeros in it is full of "AAAA".
    return apart(text, floor, start) and (start <= floor or text[start - 1] not in "+/")


def _address(kind: str, host: str, path: Piece) -> Rule:
    """An address that is itself the secret: the host and what names the service stay."""
    form = Form(some("A-Za-z0-9/_-", 16, 16), Tail(some("A-Za-z0-9/_-", 1, 1)))
    return Rule(kind, (host,), (form,), lead=path)


def _discord_bot() -> Rule:
    # The first part is a number of 17 to 20 digits in base64, so its first two characters are one of these.
    anchors = (*(first + second for first in "MN" for second in "DTjz"), "OD", "OT")
    body = row(some(WORD, 20, 26), exactly("."), some(WORD, 6, 6), exactly("."), some(WORD, 27, 27))
    return Rule("discord-bot", anchors, (Form(body, Tail(some(WORD, 1, 1)), check=_has_digit),), before=apart)


def _has_digit(found: Found) -> bool:
    return any(character.isdigit() for character in found.value)
