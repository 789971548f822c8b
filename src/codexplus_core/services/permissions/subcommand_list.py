"""The subcommands of package managers and build tools; see subcommands.py for what follows from them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Lists of words in one string each; the names are those of subcommands.Subcommands."""

    covered: str
    own: str
    starters: str
    nesting: str = ""
    valued: str = ""


# npm 11's own list of commands and aliases (lib/utils/cmd-list.js); older ones had `set-script`.
NPM = Words(
    covered="""
        run test start stop restart view search ls ll outdated audit explain fund help help-search whoami ping doctor
        root prefix version pack diff query sbom find-dupes completion dedupe prune uninstall cache get stars shrinkwrap
    """,
    own="""
        install ci install-test install-ci-test install-scripts approve-scripts deny-scripts rebuild update link publish
        unpublish access adduser login logout owner org team token profile trust deprecate undeprecate dist-tag star
        unstar stage hook pkg bugs docs repo audit-fix
    """,
    starters="exec explore edit init config set set-script",
    valued="--loglevel --workspace -w --registry --cache --color",
)
NPM_ALIASES = """
    author=owner home=docs issues=bugs info=view show=view find=search add=install unlink=uninstall remove=uninstall
    rm=uninstall r=uninstall un=uninstall rb=rebuild list=ls ln=link create=init i=install it=install-test
    cit=install-ci-test u=update up=update c=config s=search se=search tst=test t=test ddp=dedupe v=view run-script=run
    clean-install=ci clean-install-test=install-ci-test x=exec why=explain la=ll verison=version ic=ci innit=init
    in=install ins=install inst=install insta=install instal=install isnt=install isnta=install isntal=install
    isntall=install install-clean=ci isntall-clean=ci hlep=help dist-tags=dist-tag upgrade=update udpate=update rum=run
    sit=install-ci-test urn=run ogr=org add-user=adduser
"""
PNPM = Words(
    covered="""
        run test start stop restart list why outdated audit licenses pack root bin prune remove view info show search
        whoami version help doctor completion cat-file cat-index find-hash store
    """,
    own="""
        install add update rebuild publish link unlink import fetch dedupe deploy patch patch-commit patch-remove
        approve-builds self-update setup server install-test it ci i
    """,
    starters="exec dlx create node config env init set get x",
    nesting="recursive multi m",
    valued="-F --filter --filter-prod --workspace-concurrency --loglevel --reporter",
)
YARN = Words(
    covered="""
        run test start list info why outdated audit licenses check versions help bin cache constraints version pack
        remove unlink autoclean import dedupe search explain
    """,
    own="install add up upgrade upgrade-interactive publish link rebuild npm unplug patch patch-commit focus login",
    starters="exec dlx create init node config plugin set policies tag team owner self-update",
    nesting="workspace workspaces foreach global",
    valued="--include --exclude --from --since -j --jobs --registry",
)
CARGO = Words(
    covered="""
        build check test bench clean doc tree metadata fmt clippy update fetch search version locate-project pkgid
        verify-project add remove new vendor package report info help nextest llvm-cov deny audit outdated machete
    """,
    own="install uninstall publish run login logout owner yank init generate-lockfile",
    starters="script rustc rustdoc fix watch make xtask shell",
    valued="--color",
)
GO = Words(
    covered="build test vet fmt list doc version mod work fix clean help",
    own="install get bug telemetry",
    starters="run generate tool env",
)
COVERAGE = Words(
    covered="report html xml json lcov combine erase annotate debug help",
    own="",
    starters="run",
    valued="--rcfile --data-file",
)
SCRIPTS = """
    build rebuild bundle compile transpile watch dev develop serve preview start stop lint format fmt prettier eslint
    tsc typecheck type-check types check check-types validate verify test tests unit e2e integration coverage ci clean
    doc docs storybook generate codegen release prepare jest vitest stylelint ng next
"""
"""Usual names of scripts, for programs that take any script or program as a subcommand: none of these runs another."""
