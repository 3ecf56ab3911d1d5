#!/usr/bin/env bash
# Make .venv: a Python of its own with exactly the packages of requirements.lock, and Wangge itself in editable form.
#
# Called by `make setup` from the root of the repository. Says what it installs before it does. It asks for the
# system's package manager in one case only: a Debian Python that came without its venv module.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=$PWD/.venv
stamp=$venv/.installed

. deploy/setup/system.sh

# A candidate counts only when it runs: a name on the PATH may be a shim of a version manager with nothing behind it.
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

choose_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python of 3.11 or newer."
        printf '%s\n' "$PYTHON"
        return
    fi
    # The distribution's Python first, if it needs nothing more: it is built with profiles, which the one of a version
    # manager often is not, and runs the pipeline an eighth faster (docs/benchmarks.md).
    for candidate in /usr/bin/python3.11 /usr/bin/python3; do
        if new_enough "$candidate" && has_venv "$candidate" && has_headers "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    for candidate in python3.11 python3 python3.12 python3.13 python3.14; do
        if new_enough "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "No Python 3.11 or newer was found (tried python3.11, python3, python3.12, python3.13, python3.14)." \
        "On Debian 12 or newer ask for: apt-get install python3 python3-venv" \
        "Or name one yourself: make setup PYTHON=path-to-python"
}

# Debian parts the venv module from Python; its default version has the package python3-venv, others python3.N-venv.
venv_package() {
    local version default
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    default=$(/usr/bin/python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
    if [ "$version" = "$default" ]; then printf 'python3-venv\n'; else printf 'python%s-venv\n' "$version"; fi
}

has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# What `make compile` needs of it.
has_headers() {
    "$1" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' >/dev/null 2>&1
}

ensure_venv_module() {
    local package
    has_venv "$1" && return
    package=$(venv_package "$1")
    if may_install; then install_packages "$package" || true; fi
    has_venv "$1" || fail "$1 has no venv module, and it could not be installed from here." \
        "Ask an administrator to run: apt-get install $package" \
        "then run make setup again."
}

# A .venv that was copied or moved still points at its old place: its commands would run another tree.
usable() {
    [ -x "$venv/bin/python" ] && new_enough "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1 &&
        [ "$(sed -n 's/^VIRTUAL_ENV=//p' "$venv/bin/activate" 2>/dev/null | tr -d "\"'" | tail -1)" = "$venv" ]
}

create() {
    local python
    python=$(choose_python)
    ensure_venv_module "$python"
    say "making .venv with $("$python" --version) ($(command -v "$python"))"
    "$python" -m venv --clear "$venv"
}

install_locked() {
    say "installing into .venv what requirements.lock pins (about 1.1 GB), checked by hash:"
    sed -n 's/^\([A-Za-z0-9][^ ]*\)==\([^ ]*\).*/\1 \2/p' requirements.lock | paste -sd, - | sed 's/,/, /g' | fold -sw 108 |
        sed 's/^/         /'
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
    say "installing wangge itself into .venv, in editable form"
    # Setuptools warns of folders that shadow an editable install; here the folders are the install.
    PYTHONWARNINGS=ignore "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation -e .
}

# Making it anew would empty the folder that the link points to, which another tree works with.
[ ! -L "$venv" ] || fail ".venv is a link to $(readlink -f "$venv"), which belongs to another tree: remove the link and run make setup again."

rm -f "$stamp"
usable || create
install_locked
printf '%s\n' "$PWD" >"$stamp"
say "done: $("$venv/bin/python" --version) in .venv; the command is .venv/bin/wangge"
