"""Importing the package is nearly free; its names are there when they are asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import codexplus_core

PROGRAM = "import sys, codexplus_core; print(' '.join(sys.modules))"


def test_importing_the_package_loads_no_library() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)

    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded & {"pluggy", "msgspec", "argparse", "asyncio", "starlette", "curl_cffi", "structlog"} == set()


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'on_request'"):
        codexplus_core.on_request  # noqa: B018


def test_every_public_name_can_be_completed_by_an_editor() -> None:
    assert set(codexplus_core.__all__) <= set(dir(codexplus_core))
