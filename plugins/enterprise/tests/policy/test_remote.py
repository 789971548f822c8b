"""The signed policy from elsewhere: verified, imposed; old, bad and unreachable ones."""

from __future__ import annotations

from typing import Any

import minisign  # type: ignore[import-untyped]
import pytest

from codexplus_core.services.config import BadPolicy
from codexplus_enterprise import plugin
from codexplus_enterprise.policy import kept as keeping
from codexplus_enterprise.policy.remote import NotFetched, Remote, signature_url

URL = "https://policy.example.com/codex.yaml?team=a"


HOUR = 3600.0


class Elsewhere:
    """A workspace whose policy names a URL, what lies there, and a clock."""

    def __init__(self, workspace: Any) -> None:
        pair = minisign.KeyPair.generate()
        self.secret, self.public = pair.secret_key, pair.public_key.to_base64().decode("ascii")
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.workspace, self.now = workspace, 1_000_000.0
        self.path = keeping.place({"CODEX_PLUS_HOME": str(workspace.home / ".codexplus")})
        workspace.policy(f"policy: {{url: '{URL}', publicKey: {self.public}, maxAgeHours: 2}}\n")
        self.start()

    def start(self) -> None:
        """A proxy starts."""
        self.config = self.workspace.config()
        self.remote = Remote(self.config, self.path, get=self.get, clock=lambda: self.now)

    def publish(self, text: str, serial: int = 1, *, comment: str = "", secret: Any = None) -> None:
        """Put a signed policy there."""
        said = comment or f"codexplus-policy/1 serial={serial}"
        made = (secret or self.secret).sign(text.encode(), prehash=True, trusted_comment=said)
        self.files = {URL: text.encode(), signature_url(URL): bytes(made)}

    def get(self, url: str) -> bytes:
        """What lies there."""
        self.asked.append(url)
        if url not in self.files:
            raise NotFetched(f"{url}: no network")
        return self.files[url]

    def setting(self, key: str) -> Any:
        """What counts."""
        return self.config.user.get(key)


@pytest.fixture
def elsewhere(workspace: Any) -> Elsewhere:
    return Elsewhere(workspace)


@pytest.mark.req("E5")
def test_a_signed_policy_counts_above_the_users_settings(elsewhere: Elsewhere) -> None:
    elsewhere.publish("security: {modelAllowlist: [gpt-6]}\nmodel: remote\n")
    elsewhere.workspace.user('{"model": "mine", "security": {"modelAllowlist": ["gpt-6", "o9"]}}')

    elsewhere.remote.look()

    assert elsewhere.remote.problem == ""
    assert elsewhere.setting("security.modelAllowlist") == ["gpt-6"]
    assert elsewhere.setting("model") == "remote"
    assert elsewhere.config.has_policy
    assert elsewhere.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.req("E5")
def test_the_local_policy_counts_above_it(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: remote\n")
    elsewhere.workspace.policy(elsewhere.workspace.place.path.read_text() + "model: local\n")

    elsewhere.remote.look()

    assert elsewhere.setting("model") == "local"


@pytest.mark.req("E5")
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda one: one.files.update({URL: one.files[URL] + b"# more"}), "the signature does not fit"),
        (lambda one: one.publish("model: x", secret=minisign.KeyPair.generate().secret_key), "signature"),
        (lambda one: one.publish("model: x", comment="timestamp:1"), "trusted comment is not"),
        (lambda one: one.publish("model: 5"), "model: expected a text"),
        (lambda one: one.publish("security: {modelAlowlist: [x]}"), "did you mean modelAllowlist"),
        (lambda one: one.publish("a: [unclosed"), "policy.json"),
        (lambda one: one.files.pop(URL), "no network"),
        (lambda one: one.files.pop(signature_url(URL)), "no network"),
    ],
)
def test_one_that_cannot_be_relied_on_is_none_and_nothing_goes_on(elsewhere: Elsewhere, spoil: Any, why: str) -> None:
    elsewhere.publish("security: {modelAllowlist: [gpt-6]}")
    spoil(elsewhere)

    elsewhere.remote.look()

    assert elsewhere.remote.problem.startswith("the policy of this workspace is not to be had (")
    assert why in elsewhere.remote.problem
    assert elsewhere.setting("security.modelAllowlist") is None


@pytest.mark.req("E5")
def test_the_last_good_one_counts_for_a_while_and_over_a_restart(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: remote")
    elsewhere.remote.look()
    elsewhere.files.clear()
    elsewhere.now += 1.5 * HOUR
    elsewhere.start()

    elsewhere.remote.look()
    within = (elsewhere.remote.problem, elsewhere.setting("model"))
    elsewhere.now += HOUR
    elsewhere.remote.look()

    assert within == ("", "remote")
    assert "is older than 2 hours" in elsewhere.remote.problem
    assert "no network" in elsewhere.remote.problem


@pytest.mark.abuse("I05")
@pytest.mark.parametrize(("serial", "text"), [(6, "model: old"), (7, "model: other")])
def test_an_older_policy_never_replaces_a_newer_one(elsewhere: Elsewhere, serial: int, text: str) -> None:
    elsewhere.publish("model: new", 7)
    elsewhere.remote.look()
    elsewhere.publish(text, serial)
    elsewhere.now += 1.5 * HOUR
    elsewhere.start()

    elsewhere.remote.look()

    assert elsewhere.setting("model") == "new"
    assert "serial" in elsewhere.remote.warning


def test_a_new_one_counts_once_it_is_due(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: one", 1)
    elsewhere.remote.look()
    elsewhere.publish("model: two", 2)

    elsewhere.remote.look()
    before = elsewhere.setting("model")
    elsewhere.now += HOUR
    elsewhere.remote.look()

    assert (before, elsewhere.setting("model")) == ("one", "two")


@pytest.mark.abuse("I04")
def test_what_is_kept_is_verified_again(elsewhere: Elsewhere) -> None:
    elsewhere.publish("security: {modelAllowlist: [gpt-6]}")
    elsewhere.remote.look()
    kept = keeping.read(elsewhere.path)
    assert kept is not None
    forged = keeping.Kept(kept.url, b"security: {modelAllowlist: ['*']}", kept.signature, kept.fetched)
    keeping.write(elsewhere.path, forged)
    elsewhere.files.clear()
    elsewhere.start()

    elsewhere.remote.look()

    assert elsewhere.setting("security.modelAllowlist") is None
    assert elsewhere.remote.problem


def test_it_is_gone_when_the_local_policy_names_none_any_more(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: remote")
    elsewhere.remote.look()
    elsewhere.workspace.policy("log: {level: info}\n")

    elsewhere.remote.look()

    assert elsewhere.setting("model") is None
    assert elsewhere.remote.problem == ""


@pytest.mark.req("E2")
def test_its_own_address_must_be_a_listed_one(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: remote")
    local = elsewhere.workspace.place.path.read_text()
    elsewhere.workspace.policy(local + "security: {endpointAllowlist: [api.openai.com]}\n")

    elsewhere.remote.look()

    assert "policy.example.com is not one of them" in elsewhere.remote.problem
    assert elsewhere.asked == []


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.req("E5")
async def test_without_it_no_request_leaves_and_nothing_is_served(
    elsewhere: Elsewhere, workspace: Any, transport: Any
) -> None:
    workspace.policy(f"policy: {{url: 'http://127.0.0.1:9/policy.yaml', publicKey: {elsewhere.public}}}\n")

    said = plugin.OBJECTIONS(workspace.config(), ["https://chatgpt.com"])
    async with workspace.proxy(transport=transport) as proxy:
        answer = await proxy.say("hello")

    assert said[0].startswith("the policy of this workspace is not to be had (http://127.0.0.1:9/policy.yaml")
    assert answer.error is not None and answer.error.startswith("Nothing is sent: the policy of this workspace")
    assert proxy.upstream.requests == []


def test_a_local_policy_that_names_no_key_is_an_objection(workspace: Any) -> None:
    workspace.policy("policy: {url: 'https://policy.example.com/p.yaml'}\n")

    (said,) = plugin.OBJECTIONS(workspace.config(), [])

    assert "policy.publicKey is not set" in said


@pytest.mark.parametrize("url", ["http://example.com/p", "https://u:p@example.com/p", "file:///etc/passwd"])
def test_no_other_address_is_taken(workspace: Any, url: str) -> None:
    workspace.policy(f"policy: {{url: '{url}'}}\n")

    with pytest.raises(BadPolicy, match=r"policy\.url"):
        workspace.config()


DAY = 24 * HOUR


def comment(serial: int, until: str) -> str:
    return f"codexplus-policy/1 serial={serial} until={until}"


@pytest.mark.req("E5")
@pytest.mark.abuse("I05")
def test_a_policy_that_its_signer_let_expire_is_not_taken(elsewhere: Elsewhere) -> None:
    # The clock stands on 1970-01-12.
    elsewhere.publish("model: old\n", comment=comment(3, "1970-01-11"))

    elsewhere.remote.look()

    assert "serial 3 counted until 1970-01-11; sign a newer one" in elsewhere.remote.problem
    assert elsewhere.setting("model") is None


@pytest.mark.req("E5")
@pytest.mark.abuse("I05")
def test_one_that_expires_while_it_is_in_force_allows_nothing_more_whatever_is_kept(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: old\n", comment=comment(3, "1970-01-12"))
    elsewhere.remote.look()
    before = elsewhere.remote.problem
    elsewhere.now += DAY
    # What is kept says that it was fetched just now: that is not signed, the last day is.
    kept = keeping.read(elsewhere.path)
    assert kept is not None
    keeping.write(elsewhere.path, keeping.Kept(kept.url, kept.data, kept.signature, elsewhere.now))
    elsewhere.files = {}
    elsewhere.start()
    elsewhere.remote.look()

    assert before == "" and "has expired: serial 3 counted until 1970-01-12" in elsewhere.remote.problem


@pytest.mark.req("E5")
def test_a_newer_one_takes_the_place_of_one_that_expired(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: old\n", comment=comment(3, "1970-01-12"))
    elsewhere.remote.look()
    elsewhere.now += DAY
    elsewhere.publish("model: new\n", comment=comment(4, "1970-02-12"))
    elsewhere.remote.look()

    assert elsewhere.remote.problem == "" and elsewhere.setting("model") == "new"
    assert elsewhere.remote.in_force() == "serial 4, until 1970-02-12, verified 0.0 hours ago"


@pytest.mark.parametrize("until", ["1970-02-30", "tomorrow", "1970-1-1"])
def test_a_last_day_that_is_none_makes_the_signature_none(elsewhere: Elsewhere, until: str) -> None:
    elsewhere.publish("model: x\n", comment=comment(1, until))

    elsewhere.remote.look()

    assert "the signature's trusted comment is not" in elsewhere.remote.problem


@pytest.mark.req("E5")
def test_a_policy_that_cannot_be_reached_says_what_is_used_meanwhile_and_what_to_do(elsewhere: Elsewhere) -> None:
    elsewhere.remote.look()
    nothing = (elsewhere.remote.problem, elsewhere.remote.in_force())
    elsewhere.publish("model: x\n", serial=7)
    elsewhere.remote.look()
    elsewhere.files, elsewhere.now = {}, elsewhere.now + HOUR
    elsewhere.remote.look()

    assert "nothing is served without it: look at the network and at HTTPS_PROXY" in nothing[0] and nothing[1] == ""
    assert "no network" in elsewhere.remote.warning
    assert elsewhere.remote.in_force() == "serial 7, verified 1.0 hours ago"


@pytest.mark.req("E5")
def test_while_one_is_in_force_a_server_that_is_away_is_asked_once_a_minute(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: x\n")
    elsewhere.remote.look()
    elsewhere.files, elsewhere.now, elsewhere.asked = {}, elsewhere.now + HOUR, []
    for _ in range(25):
        elsewhere.remote.look()
        elsewhere.now += 5.0

    assert elsewhere.asked == [URL, URL, URL]
    assert "no network" in elsewhere.remote.warning and elsewhere.remote.problem == ""


def test_one_that_does_not_count_is_not_fetched_again_at_every_look(elsewhere: Elsewhere) -> None:
    elsewhere.publish("model: new", 7)
    elsewhere.remote.look()
    elsewhere.publish("model: old", 6)
    elsewhere.now, elsewhere.asked = elsewhere.now + HOUR, []
    for _ in range(3):
        elsewhere.remote.look()

    assert elsewhere.asked == [URL, signature_url(URL)]
    assert "serial" in elsewhere.remote.warning


def test_where_nothing_is_in_force_every_look_tries(elsewhere: Elsewhere) -> None:
    elsewhere.remote.look()
    first = elsewhere.remote.problem
    elsewhere.now += 5.0
    elsewhere.publish("model: x\n")
    elsewhere.remote.look()

    assert first and elsewhere.remote.problem == "" and elsewhere.setting("model") == "x"
