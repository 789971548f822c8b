"""Programs by what they do with their arguments; see programs.py for what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "runs the command that its arguments name": """
        env xargs sudo doas su runuser pkexec nohup time timeout nice ionice chrt taskset stdbuf setsid setarch
        linux32 linux64 parallel watch script unbuffer expect chroot unshare nsenter bwrap firejail fakeroot proot
        systemd-run flock entr direnv dotenv chronic sponge ts strace ltrace gdb lldb valgrind perf rlwrap torsocks
        tsocks proxychains find fd fdfind busybox toybox start-stop-daemon daemonize screen tmux xterm at batch
        crontab ld.so setpriv capsh prlimit numactl cpulimit catchsegv faketime tini dumb-init gosu su-exec arch
        caffeinate open xdg-open osascript launchctl systemctl wsl start forfiles rundll cmd powershell pwsh mshta
        wscript cscript wmic ssh-agent dbus-run-session dbus-launch xvfb-run systemd-inhibit sg newgrp run-parts
        cgexec eatmydata fakechroot aa-exec runcon chpst envdir softlimit gdbserver rr hyperfine watchexec nodemon
        concurrently cross-env foreman overmind honcho pm2 forever
    """,
    "is a shell": """
        sh bash dash zsh ksh mksh ash csh tcsh fish rbash rksh elvish nu xonsh oil osh yash posh
    """,
    "is a builtin that changes the shell or runs text": """
        . source eval exec command builtin trap alias unalias export declare typeset local readonly unset set shopt
        enable hash read readarray mapfile getopts let bind complete compgen compopt fc history jobs bg fg disown wait
        suspend umask ulimit coproc return break continue shift caller pushd popd dirs
    """,
    "runs programs written in its own language": """
        python pythonw pypy ipython jython perl ruby irb node nodejs deno bun php lua luajit tclsh wish guile racket
        scheme ghci runghc runhaskell ocaml swift julia rscript r octave scala groovy kotlin jshell java clojure bb
        elixir iex erl escript awk gawk mawk nawk sed gsed ed ex bc dc m4 gnuplot sqlite psql mysql mariadb mongo
        mongosh redis-cli tsx ts-node esbuild duckdb gs
    """,
    "lets you start any program from inside": """
        vi vim nvim view vimdiff emacs emacsclient nano pico less more most man info ftp sftp lftp telnet mail mutt
        nmap lynx w3m elinks ranger mc fzf
    """,
    "runs what a file or an option tells it to": """
        make gmake bmake nmake cmake ctest ninja meson just task rake ant gradle gradlew mvn mvnw bazel buck scons waf
        invoke fab tox nox pre-commit lefthook husky ansible ansible-playbook terraform tofu pulumi packer vagrant
        helm kubectl oc docker docker-compose podman nerdctl buildah lxc qemu nix nix-shell nix-build guix conda mamba
        poetry pdm hatch uv rye pipenv pyenv asdf mise sdk nvm rbenv rustup gh glab dotnet msbuild cabal stack mix
        rebar3 lein sbt zig dart flutter composer bundle bundler rails turbo nx lerna
    """,
    "fetches programs and runs them": """
        npx pnpx bunx uvx pipx dlx corepack apt apt-get dpkg yum dnf rpm brew snap flatpak pip easy_install gem cpan
        choco winget scoop
    """,
    "has options that run a command": """
        tar bsdtar gtar cpio rsync scp ssh ssh-keygen mosh zip unzip 7z rar ar socat nc ncat netcat dosbox split
        csplit tcpdump wireshark tshark iptables ip mount umount insmod modprobe install gpg gpg2 hg svn cvs bzr
        fossil jj convert magick identify mogrify gm sendmail logrotate
    """,
}
"""Why only the whole command can be allowed: the base names it holds for, without a version."""

INERT = """
    echo printf true false : test cd pwd ls cat head tail wc nl tac rev cut tr paste fold fmt column uniq comm diff
    cmp grep egrep fgrep rg sort jq yq tee cp mv ln mkdir rmdir touch chmod chown stat file du df date sleep seq which
    type basename dirname realpath readlink whoami id hostname uname md5sum sha1sum sha256sum sha512sum cksum base64
    xxd od strings git npm pnpm yarn cargo go pytest mypy ruff black eslint prettier tsc jest curl wget rm unlink kill
    tree notify-send
"""
"""They take their arguments for names, numbers and text, so a denied program's name there harms nobody."""
