"""One key of Codex's configuration, every other byte untouched."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_core.services.codex_config import (
    KEY,
    ConfigUnreadable,
    base_url,
    gateway,
    literal_of,
    parse,
    port_of_ours,
    quoted,
    with_value,
    without_value,
)

WHERE = Path("config.toml")
URL = base_url(3000)
LINE = f'{KEY} = "{URL}"'


def put(text: str) -> str:
    return with_value(text.encode(), quoted(URL), WHERE).decode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", f"{LINE}\n"),
        ("# mine\n", f"{LINE}\n# mine\n"),
        ('model = "x"\n', f'model = "x"\n{LINE}\n'),
        ('model = "x"', f'model = "x"\n{LINE}'),
        ('model = "x" # why', f'model = "x" # why\n{LINE}'),
        ('model = "x"\r\n\r\n[a]\r\nb = 1\r\n', f'model = "x"\r\n{LINE}\r\n\r\n[a]\r\nb = 1\r\n'),
        ("\ufeff[a]\nb = 1\n", f"\ufeff{LINE}\n[a]\nb = 1\n"),
        ('\ufeffmodel = "x"\n', f'\ufeffmodel = "x"\n{LINE}\n'),
        ("[a]\nb = 1", f"{LINE}\n[a]\nb = 1"),
        ("# top\n\n[a]\n[[b]]\nc = 1\n", f"{LINE}\n# top\n\n[a]\n[[b]]\nc = 1\n"),
        (f'{KEY} = "http://old" # keep\n[a]\n', f"{LINE} # keep\n[a]\n"),
        (f"'{KEY}'='http://old'\n", f"'{KEY}'=\"{URL}\"\n"),
        ('  "openai_base_\\u0075rl"  =  """\nhttp://o""ld"""  \n', f'  "openai_base_\\u0075rl"  =  "{URL}"  \n'),
        (f'[a]\n{KEY} = "http://inner"\n', f'{LINE}\n[a]\n{KEY} = "http://inner"\n'),
        (f'x = """\n[a]\n{KEY} = 1\n"""\n', f'x = """\n[a]\n{KEY} = 1\n"""\n{LINE}\n'),
        ("x = '''a\n[b]''''\n", f"x = '''a\n[b]''''\n{LINE}\n"),
        (
            'x = [ # ]\n \'[\', "\\"]",\n [1], # a [\n]\n[t]\n',
            f'x = [ # ]\n \'[\', "\\"]",\n [1], # a [\n]\n{LINE}\n[t]\n',
        ),
        ('x = { y = "}", z = [1] } # {\n[t]\n', f'x = {{ y = "}}", z = [1] }} # {{\n{LINE}\n[t]\n'),
        ("a.b = 1\n\"c.d\".'e=f' = 2\n", f"a.b = 1\n\"c.d\".'e=f' = 2\n{LINE}\n"),
        (f"{KEY}_x = 1\nx.{KEY} = 2\n", f"{KEY}_x = 1\nx.{KEY} = 2\n{LINE}\n"),
    ],
)
def test_the_key_is_set_at_the_top_level_and_nothing_else_changes(before, after):
    assert put(before) == after
    assert parse(after.encode(), WHERE)[KEY] == URL


@pytest.mark.parametrize(
    "broken", [b"model = ", b"[a\n", b"x = 1\nx = 2\n", b"\xff\xfe", f"{KEY}.x = 1\n{KEY}.y = 2\n[{KEY}]\n".encode()]
)
def test_a_file_that_is_no_toml_is_refused(broken):
    with pytest.raises(ConfigUnreadable, match=r"config\.toml"):
        with_value(broken, quoted(URL), WHERE)


def test_a_table_of_that_name_is_refused_and_not_broken():
    with pytest.raises(ConfigUnreadable):
        with_value(f"[{KEY}]\nx = 1\n".encode(), quoted(URL), WHERE)


def test_the_value_is_found_as_it_is_written():
    assert literal_of(f"a = 1\n{KEY} = 'http://old' # c\n".encode(), WHERE) == "'http://old'"
    assert literal_of(f"[t]\n{KEY} = 'x'\n".encode(), WHERE) is None


def test_a_value_with_a_quote_is_refused():
    with pytest.raises(Exception, match="no URL"):
        quoted('http://x"')


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:3000/v1", 3000),
        (base_url(4000, "t" * 43), 4000),
        ("http://127.0.0.1:3000/", None),
        ("http://127.0.0.1:3000/short/v1", None),
        ("http://localhost:3000/v1", None),
        ("https://api.openai.com/v1", None),
        ("http://127.0.0.1:99999/v1", None),
        ("http://[", None),
        (3000, None),
        (None, None),
    ],
)
def test_our_urls_are_told_from_others(url, port):
    assert port_of_ours(url) == port


words = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=8)
values = st.one_of(
    st.integers(0, 99).map(str),
    words.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'),
    words.map(lambda text: "'" + text.replace("'", "") + "'"),
    words.map(lambda text: '"""' + "\n[x]\n" + text.replace("\\", "\\\\").replace('"', "") + '"""'),
    words.map(lambda text: "'''" + text.replace("'", "") + "\nk = 1\n'''"),
    st.lists(st.sampled_from(["1", '"]"', "'#'", "[2]", "{ a = 1 }"]), max_size=3).map(
        lambda items: "[ # [\n" + "".join(f"  {item}, # ]\n" for item in items) + "]"
    ),
)
comments = st.sampled_from(["", " # plain", "\t# [t] = \"'", "  "])
blanks = st.sampled_from(["", "\n", "# comment = 1\n", "  \n", "\t# [no]\n"])


@st.composite
def documents(draw: st.DrawFn) -> str:
    def block(prefix: str) -> str:
        count = draw(st.integers(0, 3))
        return "".join(f"{draw(blanks)}{prefix}{i} = {draw(values)}{draw(comments)}\n" for i in range(count)) + draw(
            blanks
        )

    text = block("k") + "".join(f"[t{i}]\n{block('k')}" for i in range(draw(st.integers(0, 2))))
    if draw(st.booleans()):
        text = text.removesuffix("\n")
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    if draw(st.booleans()):
        text = "\ufeff" + text
    return text


@given(documents())
def test_setting_and_removing_gives_the_same_bytes_back(text):
    before = text.encode()
    wanted = tomllib.loads(text.removeprefix("\ufeff")) | {KEY: URL}

    after = with_value(before, quoted(URL), WHERE)

    assert tomllib.loads(after.decode().removeprefix("\ufeff")) == wanted
    assert without_value(after, WHERE) == before


@given(documents())
def test_changing_the_value_twice_gives_the_same_bytes_back(text):
    first = with_value(text.encode(), "'http://old'", WHERE)

    second = with_value(first, quoted(URL), WHERE)

    assert with_value(second, "'http://old'", WHERE) == first


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://corp.example/v1", True),
        ("http://127.0.0.1:8080/openai", True),
        ("https://notopenai.com/v1", True),
        ("http://[", True),
        ("https://api.openai.com/v1", False),
        ("http://127.0.0.1:3000/v1", False),
        ("http://127.0.0.1:3000/backend-api/codex", False),
        (None, False),
        (7, False),
    ],
)
def test_a_gateway_is_what_leads_neither_to_us_nor_to_openai(url, is_one):
    assert gateway(url) == (url if is_one else None)
