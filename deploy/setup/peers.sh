#!/usr/bin/env bash
# Make out/bench/peers: a Python with the stream frameworks that `make bench-kafka` measures beside, pinned.
#
# A folder of its own, since they want other versions of shared packages than the product does. What they lack of the
# product's packages, which the stages need, they find in .venv; of what is in both their own counts. Quick when nothing
# changed. Called by `make bench-kafka` from the root of the repository, after `make setup`.
set -euo pipefail
cd "$(dirname "$0")/../.."

. deploy/setup/system.sh

pins=bench/kafka/requirements.txt
peers=$PWD/out/bench/peers
stamp=$peers/.installed
wanted="$peers $(sha256sum "$pins" | cut -d' ' -f1)"

[ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && exit 0
say "installing into ${peers#"$PWD"/} what $pins pins (about 200 MB)"
mkdir -p "$(dirname "$peers")"
.venv/bin/python -m venv --clear "$peers"
"$peers/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps -r "$pins"
"$peers/bin/python" -m pip check --disable-pip-version-check >/dev/null || fail "the packages of $pins do not fit together"
site() { "$1" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])'; }
site "$PWD/.venv/bin/python" >"$(site "$peers/bin/python")/behind-peers.pth"
printf '%s\n' "$wanted" >"$stamp"
say "done: peers of the bench"
