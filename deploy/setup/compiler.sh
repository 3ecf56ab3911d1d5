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

install_missing compiler lacking
