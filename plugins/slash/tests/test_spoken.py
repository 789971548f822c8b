"""Markdown in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codexplus_slash.spoken import spoken


@pytest.mark.req("P10")
def test_a_table_is_told_row_by_row_with_the_names_of_its_columns() -> None:
    table = "| name | state |\n|---|:-:|\n| `slash` | **loads** |\n| mcp | |\n"

    assert spoken(table).splitlines() == [
        "Table with 2 rows. The columns are: name, state.",
        "Row 1. name: slash; state: loads.",
        "Row 2. name: mcp.",
        "End of table.",
    ]


@pytest.mark.req("P10")
def test_a_picture_is_told_by_its_alternative_text() -> None:
    assert spoken("See ![the layers of the proxy](x.png)") == "See Picture: the layers of the proxy.\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("# Commands", "Section: Commands."),
        ("- **/fix** does it", "/fix does it."),
        ("2. second", "2: second."),
        ("a [page](http://x/y)", "a page (link to http://x/y)."),
        ("`a*b*c` stays", "a*b*c stays."),
        ("snake_case_name stays", "snake_case_name stays."),
        ("one → two", "one to two."),
        ("well, yes!", "well, yes!"),
        ("> quoted", "Quote: quoted."),
        ("---", ""),
    ],
)
def test_marks_become_words(written: str, said: str) -> None:
    assert spoken(written).rstrip("\n") == said


def test_code_stays_as_it_is_between_two_sentences() -> None:
    assert spoken("Run:\n```sh\n- a | b\n# c\n```\nThen stop") == (
        "Run:\nSh code, 2 lines:\n- a | b\n# c\nEnd of code.\nThen stop.\n"
    )


@given(st.text(alphabet="ab |-`*#_[]()!\n\0>1.", max_size=200))
def test_it_never_fails_and_no_bar_of_a_table_is_read(text: str) -> None:
    assert isinstance(spoken(text), str)
