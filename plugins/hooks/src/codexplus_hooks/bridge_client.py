"""What Codex starts for an event where there is no bash: hands it to the proxy and prints the decision.

`init --hooks` copies this file beside the user's settings. It runs alone (``python -I -S -E``) and imports built-in
modules only, not even `os`, since a start of Python with its usual imports takes longer than everything else. Whatever
goes wrong, it prints nothing and exits with 0: Codex then goes on as if there were no hook.
"""

import _socket
import sys

PORT = 0
PREFIX = ""
CONNECT_S = 5.0
DECIDE_S = 590.0
HELLO = b"codex-plus hooks 1"


def ask(port: int, path: str, event: bytes) -> bytes:
    """The proxy's decision, ``b""`` for none. Raises OSError or ValueError where there is no proxy that answers so."""
    head = (
        f"POST {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(event)}\r\n\r\n"
    )
    link = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
    try:
        link.settimeout(CONNECT_S)
        link.connect(("127.0.0.1", port))
        link.sendall(head.encode("ascii") + event)
        got = b""
        body = -1
        # A proxy that lives says so at once; only then is its hooks' own time waited for.
        while body < 0 or b"\n" not in got[body:]:
            more = link.recv(65536)
            if not more:
                return b""
            got += more
            body = got.find(b"\r\n\r\n") + 4 if b"\r\n\r\n" in got else -1
        if got.split(b" ", 2)[1] != b"200" or not got.startswith(HELLO + b"\n", body):
            return b""
        link.settimeout(DECIDE_S)
        while more := link.recv(65536):
            got += more
    finally:
        link.close()
    word, _, answer = got[body + len(HELLO) + 1 :].partition(b"\n")
    kind, _, size = word.partition(b" ")
    return answer if kind == b"answer" and len(answer) == int(size) else b""


def main(argv: list[str]) -> int:
    """Hand on what is on standard input; the event's name is the argument."""
    try:
        event = sys.stdin.buffer.read()
        answer = ask(PORT, f"{PREFIX}/_codexplus/hooks/{argv[1]}", event)
        if answer:
            # Nothing is left in a buffer that the end of the program would complain about.
            with open(1, "wb", buffering=0, closefd=False) as out:
                out.write(answer + b"\n")
    except (OSError, ValueError, IndexError):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
