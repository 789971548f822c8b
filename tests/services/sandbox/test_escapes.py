"""What a sandboxed program tries and must not succeed in: network, files, other processes, the kernel's back doors."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import sys
import tempfile
from pathlib import Path

import pytest
from services.sandbox.conftest import Held, at, linux

from codexplus_core.services.sandbox.launcher.kernel import numbers
from codexplus_core.services.sandbox.launching import Launching
from codexplus_core.services.sandbox.sandbox import Sandbox

pytestmark = linux

TRY = """
import errno, json, os, socket, sys
found = {}
def attempt(name, action):
    try:
        action()
        found[name] = "done"
    except OSError as error:
        found[name] = errno.errorcode.get(error.errno, str(error))
def read(path):
    with open(path, "rb") as file: file.read()
def write(path, mode="ab"):
    with open(path, mode) as file: file.write(b"x")
"""
SAY = "\nprint(json.dumps(found))"


async def attempts(held: Held, code: str, *words: object, **options: object) -> dict[str, str]:
    result = await held.code(TRY + code + SAY, *map(str, words), **options)
    assert result.returncode == 0, result
    found: dict[str, str] = json.loads(result.stdout)
    return found


@pytest.mark.req("H6")
@pytest.mark.abuse("F01")
@at("lsm", "full")
async def test_no_socket_of_any_family_can_be_opened(held: Held) -> None:
    found = await attempts(
        held,
        "for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, 17, 40, 38, 29):\n"
        "    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):\n"
        "        attempt(f'{family} {kind}', lambda: socket.socket(family, kind))",
    )

    assert len(found) == 21
    assert set(found.values()) == {"EPERM"}


@pytest.mark.abuse("F02")
@at("lsm", "full")
async def test_local_sockets_of_other_programs_cannot_be_reached(held: Held) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(held.project / "control"))
        control.listen()
        held.own()

        found = await attempts(
            held,
            "attempt('unix', lambda: socket.socket(socket.AF_UNIX).connect(sys.argv[1]))\n"
            "attempt('pair', lambda: socket.socketpair())",
            held.project / "control",
            permissions=("read_repo",),
        )

    assert found == {"unix": "EPERM", "pair": "done"}


@at("lsm", "full")
async def test_a_declared_net_gives_internet_sockets_and_still_no_local_ones(held: Held) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = await attempts(
            held,
            "attempt('inet', lambda: socket.socket().connect(('127.0.0.1', int(sys.argv[1]))))\n"
            "attempt('unix', lambda: socket.socket(socket.AF_UNIX))\n"
            "attempt('raw', lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))",
            server.getsockname()[1],
            permissions=("net",),
        )

    assert found == {"inet": "done", "unix": "EPERM", "raw": "EPERM"}


CALLS = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    if libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments)) < 0:
        raise OSError(ctypes.get_errno(), '')
"""


@pytest.mark.abuse("F03", "F11")
@at("lsm", "full")
async def test_system_calls_that_lead_out_are_refused(held: Held) -> None:
    known = numbers()
    assert known is not None
    names = [
        "io_uring_setup", "io_uring_enter", "bpf", "keyctl", "add_key", "ptrace", "process_vm_readv", "mount",
        "umount2", "unshare", "setns", "pivot_root", "chroot", "open_tree", "fsopen", "mount_setattr", "pidfd_getfd",
        "userfaultfd", "perf_event_open", "open_by_handle_at", "init_module", "kexec_load", "reboot", "swapon",
    ]  # fmt: skip

    found = await attempts(
        held,
        CALLS + "for name, number in json.loads(sys.argv[1]).items(): attempt(name, lambda: call(number, 0, 0, 0, 0))\n"
        "numbers = json.loads(sys.argv[2])\n"
        "attempt('new user', lambda: call(numbers['clone'], 0x10000011, 0, 0, 0, 0))\n"
        "attempt('clone3', lambda: call(numbers['clone3'], 0, 0))\n"
        "attempt('limits of others', lambda: call(numbers['prlimit64'], os.getppid(), 0, 0, 0))",
        json.dumps({name: known[name] for name in names}),
        json.dumps(known),
    )

    assert found.pop("clone3") == "ENOSYS"
    assert found == dict.fromkeys([*names, "new user", "limits of others"], "EPERM")


SET_ID = """
def mode(name, action):
    try:
        action()
    except OSError as error:
        found[name] = errno.errorcode[error.errno]
    else:
        found[name] = "set" if os.stat(name).st_mode & 0o6000 else "plain"
    open(name, "a").close()
numbers = json.loads(sys.argv[1])
os.umask(0)
os.chdir("sub")
for bits in (0o4000, 0o2000):
    mode("fchmod", lambda: os.fchmod(os.open("fchmod", os.O_CREAT | os.O_RDWR), 0o755 | bits))
    mode("chmod", lambda: os.chmod("fchmod", 0o755 | bits))
    mode("fchmodat", lambda: call(numbers["fchmodat"], -100, PATH, 0o755 | bits, 0))
    mode("openat", lambda: os.open("made", os.O_CREAT | os.O_WRONLY, 0o755 | bits))
    mode("mknod", lambda: os.mknod("node", 0o100755 | bits))
    if "open" in numbers:
        mode("open", lambda: call(numbers["open"], PATH, os.O_CREAT | os.O_RDWR, 0o755 | bits))
        mode("creat", lambda: call(numbers["creat"], PATH, 0o755 | bits))
    mode("tmpfile", lambda: os.open(".", os.O_TMPFILE | os.O_RDWR, 0o755 | bits))
"""


@pytest.mark.abuse("F11")
@at("lsm", "full")
async def test_no_file_is_left_that_gives_its_user_s_rights_to_others(held: Held) -> None:
    held.put("project/sub/x")
    path = "path = ctypes.create_string_buffer(b'path'); PATH = ctypes.addressof(path)\n"

    found = await attempts(held, CALLS + path + SET_ID, json.dumps(numbers()), permissions=("write_repo",))

    assert set(found.values()) == {"EPERM"}
    assert not [file for file in held.project.rglob("*") if file.stat().st_mode & 0o6000]


@at("lsm", "full")
async def test_ordinary_modes_are_set_as_ever(held: Held) -> None:
    held.put("project/sub/x")

    found = await attempts(
        held,
        "os.umask(0)\n"
        "attempt('open', lambda: os.open('sub/y', os.O_CREAT | os.O_WRONLY, 0o1751))\n"
        "attempt('fchmod', lambda: os.fchmod(os.open('sub/x', os.O_RDONLY), 0o600))\n"
        "attempt('mkdir', lambda: os.mkdir('sub/d', 0o775))",
        permissions=("write_repo",),
    )

    assert set(found.values()) == {"done"}
    modes = {name: (held.project / "sub" / name).stat().st_mode & 0o777 for name in ("x", "y", "d")}
    assert modes == {"x": 0o600, "y": 0o751, "d": 0o775}


@pytest.mark.abuse("F10", "F11")
@at("lsm")
async def test_memory_and_queues_that_outlive_a_run_are_not_to_be_had(held: Held) -> None:
    known = numbers()
    assert known is not None
    names = ["shmget", "shmat", "shmctl", "semget", "semop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl",
             "mq_open", "mq_unlink"]  # fmt: skip

    found = await attempts(
        held,
        CALLS + "for name, number in json.loads(sys.argv[1]).items(): attempt(name, lambda: call(number, 0, 4096, 0))",
        json.dumps({name: known[name] for name in names}),
    )

    assert found == dict.fromkeys(names, "EPERM")


@pytest.mark.abuse("F03")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="other doors into the kernel are x86's")
@pytest.mark.parametrize("door", ["x32", "32-bit"])
@at("lsm", "full")
async def test_other_doors_into_the_kernel_kill(held: Held, door: str) -> None:
    code = {
        "x32": "call(0x40000000 + 39)",
        # mov eax, 20 (getpid); int 0x80; ret
        "32-bit": "import mmap; page = mmap.mmap(-1, 4096, prot=7); page.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()",
    }[door]

    result = await held.code(TRY + CALLS + code + "\nprint('alive')")

    assert (result.stdout, result.returncode) in ((b"", -signal.SIGSYS), (b"", -signal.SIGSEGV))


@pytest.mark.req("H7")
@pytest.mark.abuse("F04", "F05")
@at("lsm", "full")
async def test_what_was_not_granted_is_neither_read_nor_written(held: Held) -> None:
    outside = held.root / "outside"
    held.put("home/.codex/auth.json")
    held.put("home/.codexplus/token")
    held.put("project/file")
    (held.root / "outside" / "dir").mkdir()
    held.own()

    found = await attempts(
        held,
        "outside, project, home, proxy = sys.argv[1:]\n"
        "os.symlink(outside + '/canary', os.environ['TMPDIR'] + '/link')\n"
        "attempt('read', lambda: read(outside + '/canary'))\n"
        "attempt('list', lambda: os.listdir(outside))\n"
        "attempt('auth', lambda: read(home + '/.codex/auth.json'))\n"
        "attempt('token', lambda: read(home + '/.codexplus/token'))\n"
        "attempt('environ', lambda: read(f'/proc/{proxy}/environ'))\n"
        "attempt('command line', lambda: read(f'/proc/{proxy}/cmdline'))\n"
        "attempt('memory', lambda: read(f'/proc/{proxy}/mem'))\n"
        "attempt('shadow', lambda: read('/etc/shadow'))\n"
        "attempt('write', lambda: write(outside + '/canary'))\n"
        "attempt('create', lambda: write(outside + '/new'))\n"
        "attempt('through a link', lambda: write(os.environ['TMPDIR'] + '/link'))\n"
        "attempt('truncate', lambda: os.truncate(outside + '/canary', 0))\n"
        "attempt('unlink', lambda: os.unlink(outside + '/canary'))\n"
        "attempt('rename', lambda: os.rename(outside + '/canary', outside + '/other'))\n"
        "attempt('link', lambda: os.link(outside + '/canary', os.environ['TMPDIR'] + '/hard'))\n"
        "attempt('rmdir', lambda: os.rmdir(outside + '/dir'))\n"
        "attempt('chmod', lambda: os.chmod(outside + '/canary', 0o777))\n"
        "attempt('acl', lambda: os.setxattr(outside + '/canary', 'user.x', b'x'))\n"
        "attempt('repository', lambda: write(project + '/file'))\n"
        "attempt('device', lambda: os.mknod(os.environ['TMPDIR'] + '/disk', 0o60600, os.makedev(8, 0)))\n",
        outside,
        held.project,
        held.home,
        os.getpid(),
        permissions=("read_repo",),
    )

    assert {
        name: why for name, why in found.items() if why not in ("EACCES", "EPERM", "EROFS", "EXDEV", "ENOENT")
    } == {}
    assert (outside / "canary").read_text() == "canary"
    assert (outside / "canary").stat().st_mode & 0o777 == 0o644
    assert {path.name for path in outside.iterdir()} == {"canary", "dir"}


@at("lsm", "full")
async def test_a_project_is_unreadable_until_it_is_declared(held: Held) -> None:
    held.put("project/file")

    without = await attempts(held, "attempt('read', lambda: read('file'))")
    declared = await attempts(held, "attempt('read', lambda: read('file'))", permissions=("read_repo",))

    assert (without, declared) == ({"read": "EACCES"}, {"read": "done"})


@pytest.mark.abuse("F05")
@at("lsm", "full")
async def test_a_link_in_the_project_grants_nothing_behind_it(held: Held) -> None:
    (held.project / "docs").symlink_to(held.root / "outside")
    (held.project / "note").symlink_to(held.root / "outside/canary")

    found = await attempts(
        held,
        "for name in ('docs/canary', 'note'): attempt('read ' + name, lambda: read(name))\n"
        "for name in ('docs/new', 'note'): attempt('write ' + name, lambda: write(name))",
        permissions=("read_repo", "read:docs/**", "read:note", "write:docs/**", "write:note", "write_repo"),
    )

    assert set(found.values()) <= {"EACCES", "EROFS"}


@pytest.mark.abuse("F11")
@at("lsm", "full")
async def test_other_processes_can_be_neither_signalled_nor_looked_into(held: Held) -> None:
    found = await attempts(
        held,
        "import signal\n"
        "for number in (0, signal.SIGTERM): attempt(f'kill {number}', lambda: os.kill(int(sys.argv[1]), number))\n"
        "status = open('/proc/self/status').read() if sys.argv[2] == 'full' else 'CapEff:\\t0\\nNoNewPrivs:\\t1'\n"
        "found['rights'] = status.split('CapEff:')[1].split()[0].strip('0')\n"
        "found['more rights'] = status.split('NoNewPrivs:')[1].split()[0]\n",
        held.sandbox.launcher_pid,
        held.level,
    )

    assert found.pop("rights") == ""
    assert found.pop("more rights") == "1"
    assert set(found.values()) <= {"EPERM", "ESRCH"}


@pytest.mark.abuse("F14")
@at("process", "lsm", "full")
async def test_no_file_of_the_proxy_is_inherited(held: Held) -> None:
    with (held.root / "outside/canary").open() as file:
        os.set_inheritable(file.fileno(), True)

        result = await held.code(
            "import os\n"
            "for number in range(3, 1000):\n"
            "    try: print(number, os.fstat(number))\n"
            "    except OSError: pass"
        )

    assert (result.returncode, result.stdout) == (0, b"")


@pytest.mark.parametrize("abi", [1, 2, 3, 5])
async def test_what_an_older_landlock_leaves_open_the_filter_closes(abi: int, launchers: dict[str, Launching]) -> None:
    sandbox = Sandbox(levels=("process", "lsm"), launching=launchers["me"], landlock_abi=abi)
    with tempfile.TemporaryDirectory() as folder:
        held = Held(sandbox, "lsm", os.getuid(), Path(folder).resolve(), sys.executable, {})
        for directory in (held.project, held.home, held.root / "outside"):
            directory.mkdir()
        held.put("outside/canary")
        held.put("project/mine")

        found = await attempts(
            held,
            "canary, pid = sys.argv[1:]\n"
            "attempt('truncate', lambda: os.truncate(canary, 0))\n"
            "attempt('open', lambda: os.open(canary, os.O_RDONLY | os.O_TRUNC))\n"
            "attempt('signal', lambda: os.kill(int(pid), 0))\n"
            "attempt('tcp', lambda: socket.socket())\n"
            "attempt('read', lambda: read('mine'))\n",
            held.root / "outside/canary",
            os.getpid(),
            permissions=("read_repo",),
        )

        assert (await sandbox.probe()).level == "lsm"
        assert found.pop("read") == "done"
        assert set(found.values()) <= {"EPERM", "EACCES"}
        assert (held.root / "outside/canary").read_text() == "canary"


@pytest.mark.req("H7")
@pytest.mark.abuse("F15")
@at("lsm", "full")
async def test_only_declared_programs_can_be_started(held: Held) -> None:
    result = await held.run(
        "sh", "-c", "echo builtin; id; env; cat /etc/hosts >/dev/null && echo cat", permissions=("run:cat",)
    )

    assert result.stdout.split() == [b"builtin", b"cat"]
    assert result.stderr.count(b"Permission denied") == 2


@pytest.mark.abuse("F15")
@at("lsm", "full")
async def test_what_the_loader_starts_has_the_files_and_the_network_of_who_started_it(held: Held) -> None:
    """The way round `run:` that the documentation names: it leads to no file and no socket."""
    held.put("project/secret")
    code = (
        "import glob, subprocess\n"
        "loader = next(iter(glob.glob('/lib64/ld-linux-*.so.*') + glob.glob('/lib/ld-linux-*.so.*')))\n"
        "cats = [('/usr/bin/cat', os.path.join(sys.argv[1], name)) for name in ('outside/canary', 'project/secret')]\n"
        "for what in (*cats, (sys.executable, '-I', '-S', '-c', 'import socket; socket.socket()')):\n"
        "    done = subprocess.run([loader, *what], capture_output=True, text=True)\n"
        "    found[what[-1]] = done.stdout + done.stderr[-60:]"
    )

    found = await attempts(held, code, held.root)

    assert len(found) == 3
    assert all("ermission denied" in text or "not permitted" in text for text in found.values()), found
