"""Secrets as they are written in real life, made by chance from a seed, and what only looks like one.

No secret stands here as such: prefixes have a bar in them, which is taken out, and the rest is drawn.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
DIGITS = "0123456789"
ALNUM = UPPER + LOWER + DIGITS
URL = ALNUM + "-_"
BASE64 = ALNUM + "+/"
HEX = DIGITS + "abcdef"


@dataclass(frozen=True, slots=True)
class Sample:
    """``text`` holds a secret, and ``secret`` is what of it must not be seen afterwards."""

    text: str
    secret: str


def prefixed(prefix: str, characters: str, length: int, suffix: str = "") -> Callable[[random.Random], Sample]:
    def make(dice: random.Random) -> Sample:
        # One of each sort, as any drawn key has; a few letters by chance all small would not be a fair sample.
        body = "".join(dice.choices(characters, k=length - 2)) + "".join(
            dice.choice([c for c in sort if c in characters] or characters) for sort in (DIGITS, UPPER)
        )
        text = prefix.replace("|", "") + body + suffix
        return Sample(text, body)

    return make


def parts(*pieces: str | tuple[str, int]) -> Callable[[random.Random], Sample]:
    """Literal pieces and drawn ones."""

    def make(dice: random.Random) -> Sample:
        drawn = [p.replace("|", "") if isinstance(p, str) else "".join(dice.choices(p[0], k=p[1])) for p in pieces]
        last = max((text for text, piece in zip(drawn, pieces, strict=True) if isinstance(piece, tuple)), key=len)
        return Sample("".join(drawn), last)

    return make


def jwt(dice: random.Random) -> Sample:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signature = "".join(dice.choices(URL, k=43))
    body = part({"sub": "".join(dice.choices(LOWER, k=12)), "name": "someone"})
    return Sample(f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{body}.{signature}", signature)


def pem(name: str, *, line_end: str = "\n", headers: str = "") -> Callable[[random.Random], Sample]:
    def make(dice: random.Random) -> Sample:
        lines = ["".join(dice.choices(BASE64, k=64)) for _ in range(6)] + ["".join(dice.choices(BASE64, k=22)) + "=="]
        head, foot = f"-----BE|GIN {name}-----", f"-----E|ND {name}-----"
        body = line_end.join(lines)
        return Sample(line_end.join([head.replace("|", ""), headers + body, foot.replace("|", "")]), lines[3])

    return make


TOKENS: dict[str, Callable[[random.Random], Sample]] = {
    "openai project": prefixed("sk|-proj-", URL, 120),
    "openai service": prefixed("sk|-svcacct-", URL, 100),
    "openai old": prefixed("sk|-", ALNUM, 48),
    "deepseek": prefixed("sk|-", HEX, 32),
    "anthropic": prefixed("sk|-ant-api03-", URL, 93, "AA"),
    "openrouter": prefixed("sk|-or-v1-", HEX, 64),
    "langfuse": prefixed("sk|-lf-", HEX + "-", 36),
    "huggingface": prefixed("h|f_", ALNUM, 34),
    "groq": prefixed("gs|k_", ALNUM, 52),
    "xai": prefixed("xa|i-", ALNUM, 80),
    "replicate": prefixed("r|8_", ALNUM, 37),
    "perplexity": prefixed("pp|lx-", ALNUM, 48),
    "tavily": prefixed("tv|ly-dev-", ALNUM, 32),
    "nvidia": prefixed("nv|api-", URL, 64),
    "langsmith": prefixed("lsv2|_pt_", HEX, 32, "_0123456789"),
    "aws key id": prefixed("AK|IA", UPPER + "234567", 16),
    "aws temporary key id": prefixed("AS|IA", UPPER + "234567", 16),
    "google api key": prefixed("AI|za", URL, 35),
    "google access token": prefixed("ya|29.", URL, 120),
    "google client secret": prefixed("GOC|SPX-", URL, 28),
    "digitalocean": prefixed("do|p_v1_", HEX, 64),
    "heroku": prefixed("HR|KU-AA", URL, 58),
    "vault": prefixed("hv|s.", URL, 90),
    "terraform": parts((ALNUM, 14), ".atlas|v1.", (URL, 67)),
    "pulumi": prefixed("pu|l-", HEX, 40),
    "doppler": prefixed("dp|.pt.", ALNUM, 43),
    "databricks": prefixed("da|pi", HEX, 32),
    "supabase": prefixed("sb|p_", HEX, 40),
    "planetscale": prefixed("pscale|_tkn_", URL, 43),
    "tailscale": prefixed("ts|key-auth-", ALNUM, 32),
    "age": prefixed("AGE-SEC|RET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "azure client secret": parts((ALNUM, 3), "8|Q~", (URL + ".~", 34)),
    "github classic": prefixed("gh|p_", ALNUM, 36),
    "github app": prefixed("gh|s_", ALNUM, 36),
    "github fine-grained": parts("github|_pat_", (ALNUM, 22), "_", (ALNUM, 59)),
    "gitlab": prefixed("gl|pat-", URL, 20),
    "gitlab routable": prefixed("gl|pat-", URL, 27, ".01.0a1b2c3d4"),
    "atlassian": prefixed("ATA|TT3xFfGF0", URL, 180, "=1A2B3C4D"),
    "npm": prefixed("np|m_", ALNUM, 36),
    "python index": prefixed("py|pi-AgE", URL, 160),
    "rubygems": prefixed("ruby|gems_", HEX, 48),
    "docker": prefixed("dckr|_pat_", URL, 27),
    "circleci": prefixed("CCI|PAT_", ALNUM, 60),
    "postman": parts("PM|AK-", (HEX, 24), "-", (HEX, 34)),
    "linear": prefixed("lin|_api_", ALNUM, 40),
    "figma": prefixed("fi|gd_", URL, 40),
    "slack bot": parts("xo|xb-", (DIGITS, 12), "-", (DIGITS, 13), "-", (ALNUM, 24)),
    "slack user": parts("xo|xp-", (DIGITS, 12), "-", (DIGITS, 12), "-", (HEX, 32)),
    "slack app": parts("xa|pp-1-A", (UPPER + DIGITS, 10), "-", (DIGITS, 13), "-", (HEX, 64)),
    "slack webhook": parts("https://hooks.sl|ack.com/services/T", (UPPER, 8), "/B", (UPPER, 10), "/", (ALNUM, 24)),
    "discord webhook": parts("https://disc|ord.com/api/webhooks/", (DIGITS, 19), "/", (URL, 68)),
    "discord bot": parts("MT|", (ALNUM, 22), "4.", (URL, 6), ".", (URL, 38)),
    "stripe": prefixed("sk|_live_", ALNUM, 24),
    "stripe restricted": prefixed("rk|_live_", ALNUM, 99),
    "webhook secret": prefixed("wh|sec_", ALNUM, 32),
    "square": prefixed("sq0|csp-", URL, 43),
    "shopify": prefixed("sh|pat_", HEX, 32),
    "twilio": prefixed("S|K", HEX, 32),
    "sendgrid": parts("S|G.", (URL, 22), ".", (URL, 43)),
    "mailgun": prefixed("ke|y-", HEX, 32),
    "brevo": parts("xkey|sib-", (HEX, 64), "-", (ALNUM, 16)),
    "telegram": parts((DIGITS, 10), ":A|A", (URL, 33)),
    "notion": prefixed("nt|n_", ALNUM, 46),
    "notion old": prefixed("sec|ret_", ALNUM, 43),
    "airtable": parts("pa|t", (ALNUM, 14), ".", (HEX, 64)),
    "grafana": parts("gl|sa_", (ALNUM, 32), "_", (HEX, 8)),
    "newrelic": prefixed("NR|AK-", UPPER + DIGITS, 27),
    "sentry": prefixed("sntr|yu_", HEX, 64),
    "dynatrace": parts("dt0c|01.", (UPPER + DIGITS, 24), ".", (UPPER + DIGITS, 64)),
    "jwt": jwt,
}
"""Forms that show by themselves what they are."""


def after(before: str, characters: str, length: int, behind: str = "") -> Callable[[random.Random], Sample]:
    """A secret that only its place shows."""

    def make(dice: random.Random) -> Sample:
        made = prefixed("", characters, length)(dice)
        return Sample(before + made.text + behind, made.text)

    return make


def basic(dice: random.Random) -> Sample:
    word = base64.b64encode(("user:" + "".join(dice.choices(ALNUM, k=14))).encode()).decode()
    return Sample(f"Authorization: Basic {word}", word)


PLACED: dict[str, Callable[[random.Random], Sample]] = {
    "rsa key": pem("RSA PRI|VATE KEY".replace("|", "")),
    "pkcs8 key": pem("PRI|VATE KEY".replace("|", "")),
    "openssh key": pem("OPENSSH PRI|VATE KEY".replace("|", ""), line_end="\r\n"),
    "encrypted key": pem(
        "RSA PRI|VATE KEY".replace("|", ""), headers="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B2C3D\n\n"
    ),
    "pgp key": pem("PGP PRI|VATE KEY BLOCK".replace("|", ""), headers="Version: GnuPG v2\n\n"),
    "key in one line": pem("EC PRI|VATE KEY".replace("|", ""), line_end="\\n"),
    "key in an indented block": pem("PRI|VATE KEY".replace("|", ""), line_end="\n    "),
    "bearer": after("Authorization: Bearer ", URL + ".", 40),
    "bearer alone": after("got Bearer ", URL, 32),
    "basic": basic,
    "token scheme": after("authorization: token ", HEX, 40),
    "aws signature": after(
        "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, Signature=",
        HEX,
        64,
    ),
    "cookie": after("Cookie: theme=dark; sid=", URL, 32),
    "set-cookie": after("Set-Cookie: sid=", URL, 32, "; HttpOnly; Path=/"),
    "userinfo": after("postgres://app:", ALNUM + "!$", 18, "@db.example:5432/x"),
    "userinfo with signs": after("https://bob:p@ss:", ALNUM, 12, "@host/x"),
    "user as token": after("https://", ALNUM, 40, "@git.example/x.git"),
    "aws secret": after("aws_secret_access_key = ", BASE64, 40),
    "aws session": after("aws_session_token=", BASE64, 300),
    "environment": after("export DB_PASSWORD=", ALNUM + "!%", 14),
    "environment of letters": after("DB_PASSWORD=", LOWER, 12),
    "yaml": after("password: ", ALNUM, 12),
    "compound name": after("MY_SERVICE_API_KEY_PROD=", HEX, 32),
    "option": after("deploy --api-token ", ALNUM, 24),
    "option with sign": after("deploy --password=", ALNUM, 12),
    "short name": after("DB_PASS=", ALNUM, 12),
    "login of a command": after("curl -sS -u bob:", ALNUM, 12, " https://x.example"),
    "login of a command in quotes": after("curl --user 'bob:", ALNUM, 12, "' https://x.example"),
    "password of a command": after("mysql -h db -u root -p", ALNUM, 12, " shop"),
    "password for ssh": after("sshpass -p ", ALNUM, 12, " ssh x.example"),
    "netrc": after("machine x.example login bob password ", ALNUM, 12),
    "azure storage": after("AccountName=x;AccountKey=", BASE64, 86, "==;EndpointSuffix=core"),
    "connection string": after("Server=db;User Id=sa;Password=", ALNUM, 14, ";Encrypt=True"),
    "pwd in a connection string": after("Server=db;Uid=sa;Pwd=", ALNUM, 14, ";"),
    "shared access signature": after("https://x.example/c?sv=2026&se=2027&sr=c&sig=", ALNUM, 44, "%3D"),
    "presigned": after("https://s3.example/x?X-Amz-Date=1&X-Amz-Signature=", HEX, 64),
    "query": after("https://x.example/cb?state=1&access_token=", ALNUM, 30, "&x=1"),
    "authorization code": after("https://x.example/cb?code=", ALNUM, 40, "&state=1"),
    "xml": after("<password>", ALNUM, 12, "</password>"),
    "python": after("client = Client(api_key='", ALNUM, 24, "', retries=3)"),
    "python environment": after("os.environ['API_TOKEN'] = \"", ALNUM, 24, '"'),
    "typed": after('password: str = "', ALNUM, 12, '"'),
    "javascript": after("const clientSecret = `x`, apiKey = '", ALNUM, 24, "';"),
    "ruby": after("config = { :api_key => '", ALNUM, 24, "' }"),
    "header line": after("X-Api-Key: ", ALNUM, 32),
    "npmrc": after("//registry.example/:_authToken=", ALNUM, 36),
    "npmrc auth": after("_auth=", ALNUM, 36),
    "json": after('{"user": "bob", "password": "', ALNUM + "!@# ", 16, '", "n": 1}'),
    "json with escapes": after('{"password": "a\\"b', ALNUM, 12, '\\\\", "n": 1}'),
    "service account": after(
        '{"type": "service_account", "private_key_id": "x", "private_key": "-----BE' + "GIN PRI" + "VATE KEY-----\\n",
        BASE64,
        200,
        '\\n-----END PRIVATE KEY-----\\n"}',
    ),
    "repr of pairs": after("[(b'authorization', b'Bearer ", URL, 32, "')]"),
    "curl header": after("curl -H 'authorization: Bearer ", URL, 32, "' https://x.example/"),
}
"""Forms that show by where they stand."""

EMBEDDINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"use {secret} for it",
    "at the end of a sentence": lambda secret: f"The key is {secret}. Do not tell.",
    "quoted": lambda secret: f'x = "{secret}"; y',
    "backticks": lambda secret: f"call it with `{secret}`, then",
    "json": lambda secret: json.dumps({"note": secret, "n": 1}),
    "json in json": lambda secret: json.dumps({"body": json.dumps({"note": secret, "more": ["x", secret]})}),
    "yaml": lambda secret: f"service:\n  value: {secret}\n  other: 1\n",
    "environment": lambda secret: f"export SETTING={secret}\nexport OTHER=1\n",
    "query": lambda secret: f"GET /x?a=1&value={secret}&b=2 HTTP/1.1",
    "path": lambda secret: f"https://x.example/{secret}/y",
    "header": lambda secret: f"x-custom: {secret}\r\naccept: */*\r\n",
    "shell": lambda secret: f"curl -sS --data '{secret}' https://x.example | jq .",
    "log line": lambda secret: f"2026-01-01T00:00:00Z WARN http: failed key={secret} status=401",
    "escaped line end": lambda secret: json.dumps(f"first\n{secret}\nlast"),
    "encoded sign": lambda secret: f"redirect=https%3A%2F%2Fx%3Fvalue%3D{secret}",
    "coloured": lambda secret: f"\x1b[1;32m{secret}\x1b[0m",
    "another script": lambda secret: f"密钥{secret}，请",
    "list": lambda secret: f"[a,{secret},b]",
    "parentheses": lambda secret: f"call({secret})",
}
"""Places where a secret stands that shows itself."""

HOLDERS: dict[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "lines": lambda text: f"before\n{text}\nafter\n",
    "log line": lambda text: f"2026-01-01T00:00:00Z INFO got {text}",
    "json": lambda text: json.dumps({"output": f"first\n{text}\nlast", "n": 1}),
    "json in json": lambda text: json.dumps({"body": json.dumps({"output": text, "n": 1})}),
}
"""Places where a text stands that holds one."""


def _drawn(characters: str, length: int, seed: int) -> str:
    return "".join(random.Random(seed).choices(characters, k=length))


LOOK_ALIKES = (
    "commit " + _drawn(HEX, 40, 1),
    "index 0a1b2c3..4d5e6f7 100644",
    "sha256:" + _drawn(HEX, 64, 2),
    '"integrity": "sha512-' + _drawn(BASE64, 86, 3) + '=="',
    "md5 " + _drawn(HEX, 32, 4) + "  file.tar.gz",
    "123e4567-e89b-42d3-a456-426614174000",
    "data:image/png;base64,iVBORw0KGgo" + _drawn(BASE64, 400, 5) + "=",
    '"image": "' + "A" * 60 + _drawn(BASE64, 200, 6) + "AAAA/EAAA" + _drawn(ALNUM, 60, 7) + '"',
    "pip install sk-learn sk-video",
    "mkdir -p build && ssh -p 22022 x.example && cp -p one two",
    "curl -u $USER:$LOGIN https://x.example; docker run -u 1000:1000 x",
    "curl -s https://x.example | grep -u one:another",
    "mysql -h db -p shop",
    "compass=north_by_northwest",
    "sk-learn-contrib-imbalanced-learn-and-more is a package",
    "the task-manager and risk-assessment desk-lamp",
    "sk-proj-name-of-a-project-in-lower-case",
    "hf_hub_download(repo_id='x')",
    "from npm_package import npm_config_registry",
    "token = get_token()",
    "token = self.token",
    "token = tokens[0]",
    "def f(token: str, password: str | None = None) -> Token:",
    "password = os.environ['DB_PASSWORD']",
    "password = getpass.getpass('Password: ')",
    "x = ask('Password: ', echo=False)",
    "api_key = settings.api_key",
    "api_key=api_key, token=token, password=password)",
    "secret: ${{ secrets.DEPLOY_KEY }}",
    "PASSWORD=$DB_PASSWORD ./run",
    "PASSWORD=${DB_PASSWORD:-}",
    "TOKEN=$(cat token.txt)",
    "password: <your password>",
    "password: ********",
    "api_key: YOUR_API_KEY",
    "password: must be at least 8 characters",
    "Enter your password: then press return",
    '{"password": "Must have at least eight characters", "type": "string"}',
    "the password is stored as a hash; the token expires",
    "max_tokens: 4096, total_tokens=12345678, token_count: 12345678",
    '{"max_output_tokens": 16384, "usage": {"input_tokens": 12345678, "output_tokens": 5}}',
    '"prompt_cache_key": "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"',
    '"token_type": "bearer", "expires_in": 3600, "scope": "repo1234"',
    '"next_page_token": "CAUQAA12345678"',
    "nextPageToken=CAUQAA12345678&pageToken=abc12345678",
    "private_key_id: 0a1b2c3d4e5f",
    "access_key_id = none",
    "secret_name: prod-db1-credentials, secretName: tls-2026",
    "password_file: /run/secrets/db1",
    "PASSWORD_FILE=/run/secrets/db_password",
    "secret=/run/secrets/db_password",
    "token_url=https://auth.example/oauth2/token",
    "tokenizer: gpt2-xl-1234567",
    "tokenization = 'word2vec12345'",
    "passwordless = login12345",
    "secretary: Jane12345",
    "authorization: see RFC 9110 section 11",
    "authorization_endpoint: https://auth.example/oauth2/authorize12345",
    "Authorization: Bearer $TOKEN",
    "Authorization: Bearer <token>",
    "bearer of good news and bearer tokens, bearer authentication-scheme",
    "cookie: is a small file; cookies: yes",
    "the cookie jar = full",
    "http://localhost:8080/path?x=1@2",
    "ssh git@github.com:org/repo.git",
    "https://example.com/@scope/package@1.2.3",
    "postgres://$USER:$PASSWORD@host/db",
    "https://{user}:{password}@host",
    "mailto:someone@example.com",
    "version 1.2.3-rc.4+build.5678 of v0.169.0",
    "look for '-----BEGIN PRIVATE KEY-----' in the files",
    "-----BEGIN CERTIFICATE-----\nMIIB" + _drawn(BASE64, 60, 8) + "\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB" + _drawn(BASE64, 60, 9) + "\n-----END PUBLIC KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + _drawn(BASE64, 43, 10) + " me@host",
    "eyJhbGciOiJIUzI1NiJ9 is a header without the rest",
    "path/to/patterns.py and dapi.py and pat.txt",
    "SKIP SKETCH ASIAN AKIAS NTFS MDX",
    "monkey=abcdefgh12345678abcdefgh keyboard_key=1",
    "sig=1 &sig=2 signature=(self, x)",
    "?code=200&key=name",
    "if token == 'abc12345678': pass",
    "token::Stream12345678::new()",
    "let token: Token2 = Token2::new();",
    "credentials: 'include', credentials: 'same-origin'",
    '{"object": "list", "first_id": "resp_' + _drawn(HEX, 48, 11) + '"}',
    "call_" + _drawn(ALNUM, 24, 12) + " msg_" + _drawn(HEX, 50, 13) + " rs_" + _drawn(HEX, 50, 14),
    "PWD=/home/me OLDPWD=/tmp pwd=/x",
    "a://b c://d/e@f",
    "[REDACTED] and [REDACTED:openai] stay",
)
"""What looks like a secret and is none."""


def samples(seed: int = 0) -> list[tuple[str, str, str]]:
    """(name, text, what must be gone) for every form in every place that it can have."""
    dice = random.Random(seed)
    made = []
    for forms, places in ((TOKENS, EMBEDDINGS), (PLACED, HOLDERS)):
        for form, make in forms.items():
            for place, put in places.items():
                sample = make(dice)
                made.append((f"{form}, {place}", put(sample.text), sample.secret))
    return made


def percent_encoded(text: str) -> str:
    return quote(text, safe="")
