#!/usr/bin/env bash
# Have a C compiler and the headers of the Python of .venv, which `make compile` takes when they are there and the tests
# of compiled code need. Quick when all is there.
#
# Called by `make compiler` from the root of the repository, after `make setup`.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/system.sh

exec >&2

lacking() { .venv/bin/python deploy/compile.py --lacks; }

read -r -a packages <<<"$(lacking)"
[ "${#packages[@]}" -eq 0 ] && exit 0
may_install || fail "These system packages are missing and cannot be installed from here: ${packages[*]}" \
    "Ask an administrator to run: apt-get install --no-install-recommends ${packages[*]}" \
    "then run make test again."
install_packages "${packages[@]}" || true
[ -z "$(lacking)" ] || fail "Could not be installed: $(lacking)"
