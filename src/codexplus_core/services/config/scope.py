"""What a repository says that is not its to say, beyond the keys of the schema: words of keys, names of variables."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
NEVER = frozenset((
    "address", "api", "audit", "auth", "authorization", "base", "bind", "budget", "budgets", "bypass", "ca",
    "cert", "certificate", "certificates", "cookie", "credential", "credentials", "endpoint", "endpoints",
    "enterprise", "gateway", "helper", "host", "hosts", "impersonate", "key", "keys", "listen", "login", "logout",
    "managed", "password", "plugin", "plugins", "policy", "port", "proxies", "proxy", "redirect", "sandbox",
    "secret", "secrets", "telemetry", "tls", "token", "trust", "trusted", "upstream", "uri", "url", "urls",
    "websockets",
))  # fmt: skip
"""A key with one of these words in its name, that the schema does not know, does not count from a project."""

_VARIABLES = re.compile(
    r"(?i)(?:"
    # What decides which program runs, what is loaded into it, and where it looks for its own settings.
    r"(?:BASH|CLAUDE|CODEX|CONDA|CURL|DOCKER|DYLD|GIT|GLIBC|GNUPG|JAVA|JDK|_JAVA|KUBE|LD|LUA|MALLOC|NODE|NPM|PERL|PHP|PIP"
    r"|PNPM|PYTHON|RUBY|RUST|CARGO|SSH|SSL|UV|WGET|XDG|YARN|ZSH)\w*"
    r"|HOME|USERPROFILE|PATH|PATHEXT|COMSPEC|SHELL|ENV|IFS|PS4|PROMPT_COMMAND|ZDOTDIR|TMP|TEMP|TMPDIR|EDITOR|VISUAL"
    r"|PAGER|LESS\w*|MANPAGER|BROWSER|MAKEFLAGS|GOFLAGS|GOPROXY|TERMINFO\w*|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|NLSPATH"
    # Whose account is used, and where requests go.
    r"|(?:ANTHROPIC|AWS|AZURE|GCLOUD|GCP|GEMINI|GITHUB|GITLAB|GOOGLE|OPENAI|OTEL|REQUESTS)_\w*"
    r"|\w*(?:_PROXY|_URL|_URI|_ENDPOINT|_HOST|_BUNDLE|_CERT|_CERT_FILE|_CERT_DIR|_CA_FILE)"
    r")"
)


def word_not_for_projects(name: str) -> str:
    """The word in a key's name for which a project cannot set it, ``""`` if there is none."""
    words = [word.lower() for word in _WORD.findall(name)]
    return next((word for word in words if word in NEVER), "")


def variable_not_for_projects(name: str) -> bool:
    """Whether an environment variable decides what runs or where requests go."""
    return not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) or _VARIABLES.fullmatch(name) is not None
