"""What a repository says that is not its to say, beyond the keys of the schema: words of keys, names of variables."""

from __future__ import annotations

import re

from ..sandbox.environment import is_loader

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
    r"|PAGER|LESS\w*|BROWSER|TERMINFO\w*|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS|NLSPATH|CC|CXX|CPP|FC|AS|AR|LOCPATH"
    r"|FPATH|INPUTRC|DISPLAY|XAUTHORITY|WAYLAND_DISPLAY|GREP_OPTIONS|GZIP|MANOPT|HG\w*|AWKPATH|TEXMFCNF|CLASSPATH"
    r"|(?:ANSIBLE|ASDF|BORG|BUN|BUNDLE|BYTEBUDDY|CMAKE|COMPOSER|COREPACK|COVERAGE|DENO|DIRENV|DOTNET|ELECTRON|ELIXIR|ERL"
    r"|ESLINT|FZF|GDK|GRADLE|GTK|GUILE|JEST|JULIA|KOTLIN|MAVEN|MISE|MOCHA|NIX|NVM|OCAML|OPENSSL|PIPENV|POETRY|PRETTIER\w*"
    r"|PYENV|PYTEST|QML|QT|R|RESTIC|RIPGREP|SBT|SPACK|SSLKEYLOG|SUDO|TAR|TF|TOX|TS|VIRTUAL|WINE)_\w*"
    r"|(?:VIM|EX|NVIM|GVIM)(?:INIT|RUNTIME|_\w*)?|MYVIMRC|SSLKEYLOGFILE|ERL\w*FLAGS|RUBY\w*|OCAMLRUNPARAM|PSMODULEPATH"
    r"|M?FLAGS|GO(?:ENV|ROOT|PATH|BIN|FLAGS|PROXY|PRIVATE|NO\w*|SUMDB|INSECURE|TOOL\w*|CACHE\w*|MODCACHE|VCS|WORK|AUTH)"
    r"|HISTFILE|FLASK_APP|DJANGO_\w*|\w*(?:_RSH|_SSH|_SHELL|_EDITOR|_PAGER|_COMMAND|_WRAPPER|_RUNNER|_PRELOAD|_STARTUP"
    r"|_ASKPASS|_OPTS|_OPTIONS|_ADDOPTS|_ARGS|_FLAGS|FLAGS|_PLUGIN|_PLUGINS|_PLUGIN_PATH|_MODULES|_RC|RC|_HOOK|_HOOKS"
    r"|_CONFIG|_CONFIG_\w*|_CONF|_HOME|_PATH|_LOADER|_BIN|_EXEC|_EXECUTABLE)"
    # Whose account is used, and where requests go.
    r"|(?:ANTHROPIC|AWS|AZURE|GCLOUD|GCP|GEMINI|GITHUB|GITLAB|GOOGLE|OPENAI|OTEL|REQUESTS)_\w*"
    r"|\w*(?:_PROXY|_URL|_URI|_ENDPOINT|_HOST|_BUNDLE|_CERT|_CERT_FILE|_CERT_DIR|_CA_FILE)"
    r")"
)

# Of the names above, what is set for every second project and means no more than it says.
_HARMLESS = frozenset({"NODE_ENV", "RUST_BACKTRACE", "RUST_LOG"})


def word_not_for_projects(name: str) -> str:
    """The word in a key's name for which a project cannot set it, ``""`` if there is none."""
    words = [word.lower() for word in _WORD.findall(name)]
    return next((word for word in words if word in NEVER), "")


def variable_not_for_projects(name: str) -> bool:
    """Whether an environment variable decides what runs or where requests go."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        return True
    if name in _HARMLESS:
        return False
    return is_loader(name) or _VARIABLES.fullmatch(name) is not None
