"""Programs by what they do with their arguments; see programs.py for what follows from it."""

from __future__ import annotations

from collections.abc import Mapping

BUILTINS = "is a builtin that changes the shell or runs text"
SHELLS = "is a shell"
LANGUAGES = "runs programs written in its own language"

REASONS: Mapping[str, str] = {
    "runs the command that its arguments name": """
        env xargs sudo doas su runuser run0 pkexec nohup time timeout nice ionice chrt taskset stdbuf setsid setarch
        linux32 linux64 uname26 i386 i486 i586 i686 x86_64 ppc ppc32 ppc64 sparc sparc64 s390 s390x mips mips64 arm
        armh aarch64 alpha ia64 parallel watch script unbuffer expect chroot unshare nsenter bwrap firejail fakeroot
        proot systemd-run flock entr direnv dotenv dotenvx env-cmd chronic sponge ts pee ifne vipe vidir mispipe zrun
        strace ltrace gdb lldb valgrind perf nsys rlwrap torsocks tsocks proxychains find fd fdfind busybox toybox
        coreutils start-stop-daemon daemonize screen tmux zellij xterm at batch crontab ld.so setpriv capsh prlimit
        numactl cpulimit catchsegv faketime tini dumb-init gosu su-exec arch caffeinate open xdg-open osascript
        launchctl systemctl busctl gdbus qdbus gio gtk-launch exo-open machinectl systemd-nspawn wsl start forfiles
        rundll cmd powershell pwsh mshta wscript cscript wmic ssh-agent sshpass dbus-run-session dbus-launch dbus-send
        xvfb-run systemd-inhibit sg newgrp run-parts cgexec eatmydata fakechroot aa-exec runcon chpst envdir softlimit
        gdbserver rr hyperfine watchexec watchman nodemon concurrently cross-env cross-env-shell npm-run-all run-s
        run-p foreman overmind honcho pm2 forever ccache sccache distcc icecc nyc c8 shx diff3 sdiff
    """,
    SHELLS: """
        sh bash dash zsh ksh mksh ash csh tcsh fish rbash rksh elvish nu xonsh oil osh yash posh
    """,
    BUILTINS: """
        . source eval exec command builtin trap alias unalias export declare typeset local readonly unset set shopt
        enable hash read readarray mapfile getopts let bind complete compgen compopt fc history jobs bg fg disown wait
        suspend umask ulimit coproc return break continue shift caller pushd popd dirs
    """,
    LANGUAGES: """
        python pythonw pypy ipython jython perl ruby irb node nodejs deno bun php lua luajit tclsh wish guile racket
        scheme ghc ghci runghc runhaskell ocaml swift julia rscript r octave scala groovy kotlin jshell java clojure bb
        elixir iex erl escript awk gawk mawk nawk sed gsed ed ex bc dc m4 gnuplot sqlite psql mysql mariadb mongo
        mongosh redis-cli tsx ts-node ts-node-dev vite-node babel-node zx electron esbuild duckdb gs qjs gjs d8 seed
        sbcl clisp ecl gcl ccl chicken csi gosh maxima sage yq tcc exiftool jupyter papermill streamlit gradio flask
        django-admin celery uvicorn gunicorn hypercorn daphne waitress-serve locust sphinx-build scrapy plackup thor
    """,
    "lets you start any program from inside": """
        vi vim nvim view vimdiff gvim rvim rview nvi elvis vile emacs emacsclient nano pico micro kak hx helix joe jed
        ne mg code subl less zless bzless xzless more zmore bzmore xzmore most pg man info ftp sftp lftp telnet mail
        mutt nmap lynx w3m elinks links ranger nnn lf vifm mc fzf tig lazygit gitk sensible-editor sensible-pager
        sensible-browser x-www-browser x-terminal-emulator gnome-terminal konsole alacritty kitty wezterm
    """,
    "runs what a file or an option tells it to": """
        make gmake bmake nmake cmake ctest ninja meson just task rake ant gradle gradlew mvn mvnw bazel buck scons waf
        invoke fab tox nox pre-commit lefthook husky lint-staged gulp grunt ansible ansible-playbook terraform tofu
        pulumi packer vagrant helm kubectl oc docker docker-compose podman nerdctl buildah ctr crictl runc crun
        apptainer singularity toolbox distrobox flatpak-spawn lxc incus multipass limactl qemu nix nix-shell nix-build
        guix conda mamba poetry pdm hatch uv rye pipenv pyenv asdf mise sdk nvm rbenv rustup gh glab dotnet msbuild
        cabal stack mix rebar3 lein sbt zig dart flutter composer bundle bundler rails turbo nx lerna tex latex
        pdftex pdflatex xetex xelatex luatex lualatex latexmk context
    """,
    "fetches programs and runs them": """
        npx pnpx bunx uvx pipx dlx corepack apt apt-get dpkg yum dnf rpm brew snap flatpak pip easy_install gem cpan
        cpanm choco winget scoop
    """,
    "has options that run a command": """
        tar bsdtar gtar cpio rsync rclone scp ssh ssh-keygen mosh zip unzip 7z rar ar socat nc ncat netcat dosbox split
        csplit tcpdump wireshark tshark iptables ip mount umount insmod modprobe install gpg gpg2 hg svn cvs bzr
        fossil jj convert magick identify mogrify gm sendmail logrotate pandoc yt-dlp youtube-dl
    """,
}
"""Why only the whole command can be allowed: the base names it holds for, without a version."""

INERT = """
    echo printf true false : test [ cd pwd ls cat head tail wc nl tac rev cut tr paste join fold fmt column uniq comm
    diff cmp grep egrep fgrep rg sort shuf jq tee cp mv ln mkdir rmdir touch chmod chown stat file du df date cal sleep
    seq expr which type basename dirname realpath readlink whoami id groups hostname uname uptime free nproc printenv
    locale getconf ps pgrep lsof ss ping dig host nslookup md5sum sha1sum sha256sum sha512sum b2sum cksum base64 xxd od
    hexdump strings gzip gunzip zcat bzip2 xz zstd curl wget rm unlink kill tree notify-send
"""
"""They take their arguments for names, numbers and text, and do the same in every folder."""

OF_PROJECT = """
    git npm pnpm yarn cargo go pytest mypy ruff black isort flake8 pylint eslint stylelint prettier tsc jest vitest
    rustfmt gofmt shellcheck shfmt
"""
"""They start none of their arguments either, but what they do is said by files of the folder that they run in."""
