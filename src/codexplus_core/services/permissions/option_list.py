"""Options of ordinary programs that run others, choose what code is loaded, or write to a file of any name."""

from __future__ import annotations

from collections.abc import Mapping

from .options import Options

OPTIONS: Mapping[str, Options] = {
    "npm": Options("script-shell prefix globalconfig userconfig node-options shell init-module editor viewer", "C"),
    "pnpm": Options("script-shell prefix dir config.* shell-emulator node-options use-node-version", "C"),
    "yarn": Options("cwd use-yarnrc script-shell config-file", ""),
    "sort": Options("compress-program output temporary-directory files0-from", "oT"),
    "rg": Options("pre pre-glob hostname-bin", ""),
    "ack": Options("pager ackrc output", ""),
    "ag": Options("pager", ""),
    "printf": Options("", "v"),
    "test": Options("", "vR", endless=True),
    "curl": Options(
        "config output* remote-name* upload-file dump-header cookie-jar trace* engine libcurl unix-socket"
        " abstract-unix-socket etag-save hsts alt-svc stderr variable expand-*",
        "KoOTDc",
    ),
    "wget": Options(
        "execute config use-askpass output-document output-file append-output post-file body-file directory-prefix"
        " input-file save-cookies warc-file rejected-log",
        "eOPioa",
    ),
    "cargo": Options("config manifest-path", "Z", files="target-dir artifact-dir out-dir"),
    "go": Options(
        "exec toolexec vettool overlay modfile ldflags gccgoflags compiler C",
        "",
        single_dash=True,
        files="o coverprofile cpuprofile memprofile blockprofile mutexprofile trace outputdir pkgdir",
    ),
    # pytest looks for -p by itself, and not for the end of the options.
    "pytest": Options(
        "rootdir confcutdir config-file pdbcls override-ini basetemp",
        "pco",
        endless=True,
        files="junitxml junit-xml log-file report-log html debug",
    ),
    "mypy": Options("config-file python-executable", "", files="cache-dir junit-xml html-report txt-report xml-report"),
    "ruff": Options("config", "", files="output-file cache-dir", file_letters="o"),
    "black": Options("config", ""),
    "isort": Options("settings-path settings-file config-root", ""),
    "flake8": Options("config append-config", "", files="output-file tee"),
    "pylint": Options("init-hook load-plugins rcfile", "", files="output"),
    "eslint": Options(
        "rulesdir config resolve-plugins-relative-to format plugin parser",
        "cf",
        endless=True,
        files="output-file cache-location cache-file",
        file_letters="o",
    ),
    "stylelint": Options("config config-basedir custom-syntax custom-formatter plugin formatter", "f", endless=True),
    "prettier": Options("plugin config plugin-search-dir", "", endless=True),
    "tsc": Options(
        "project plugins", "p", endless=True, files="outDir outFile declarationDir tsBuildInfoFile", file_letters=""
    ),
    "jest": Options(
        "config globalSetup globalTeardown runner resolver transform reporters testEnvironment setupFiles*",
        "c",
        endless=True,
        files="outputFile coverageDirectory cacheDirectory",
    ),
    "vitest": Options("config environment reporter globals globalSetup", "c", endless=True, files="outputFile"),
    "mocha": Options(
        "require config opts package reporter ui loader import node-option extension", "rRu", endless=True
    ),
    "webpack": Options("config require entry output-path", "cro", endless=True),
    "vite": Options("config configLoader outDir", "c", endless=True),
    "rollup": Options("config plugin configPlugin file dir", "cpod", endless=True),
    "playwright": Options("config", "c", endless=True, files="output"),
    "mkdocs": Options("config-file site-dir", "fd", endless=True),
    "rspec": Options("require options format default-path out", "rIfoO", endless=True),
    "cucumber": Options("require require-module config format out", "rfo", endless=True),
    "behave": Options("format outfile define stage", "fo", endless=True),
    "prove": Options("exec source formatter harness archive rc", "eIPMa", endless=True),
    "alembic": Options("config", "c", endless=True),
    "coverage": Options("rcfile", "", files="data-file", file_letters="od"),
    "rustc": Options("codegen sysroot out-dir", "CZLo"),
    "gcc": Options("wrapper fplugin specs plugin", "B", single_dash=True, files="o MF"),
    "ld": Options("plugin dynamic-linker", "", single_dash=True, files="o"),
    "date": Options("set", "s"),
    "shuf": Options("output", "o"),
    "tree": Options("", "o"),
    "dig": Options("", "f", endless=True),
    "openssl": Options("engine provider provider-path", "", single_dash=True),
}
"""By the plain name of the program."""

SAME_OPTIONS = {"g++": "gcc", "cc": "gcc", "c++": "gcc", "clang": "gcc", "clang++": "gcc", "lld": "ld", "[": "test"}
"""Programs that take the options of another one."""
