#!/usr/bin/env bash
# Have the servers that `make stack` and the tests start: ClickHouse, Prometheus, Mosquitto and Java from Debian, the
# jars of Kafka from Maven Central. Quick when all is there. Nothing that is installed here runs as a service.
#
# Called by `make servers` from the root of the repository, after `make setup`.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/setup/system.sh

# Standard output is for addresses: `eval "$(make -s stack)"`.
exec >&2

# Servers live in sbin, which is not on everybody's PATH.
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# program:package
needs=(
    clickhouse-server:clickhouse-server
    clickhouse-client:clickhouse-client
    prometheus:prometheus
    promtool:prometheus
    mosquitto:mosquitto
    openssl:openssl
    java:openjdk-17-jre-headless
    mvn:maven
)
services=(clickhouse-server prometheus mosquitto)

missing() {
    local need
    for need in "${needs[@]}"; do
        command -v "${need%%:*}" >/dev/null || printf '%s\n' "${need##*:}"
    done | sort -u
}

# Debian starts a service as soon as it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
forbid_starts() {
    [ -e "$policy" ] && return
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    trap 'as_root rm -f "$policy"' EXIT
}

# And again at every boot; a machine without systemd has nothing to switch off.
forbid_services() {
    [ -d /run/systemd/system ] || return 0
    as_root systemctl disable --now "$@" >/dev/null 2>&1 || say "could not disable: $*; they may run as services"
}

ensure_programs() {
    local packages
    mapfile -t packages < <(missing)
    install_missing servers missing forbid_starts
    for service in "${services[@]}"; do
        case " ${packages[*]} " in *" $service "*) forbid_services "$service" ;; esac
    done
}

# Kafka 4 wants Java 17 or newer.
check_java() {
    local version
    version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
    [ "${version:-0}" -ge 17 ] || fail "java is of version ${version:-unknown}, Kafka wants 17 or newer." \
        "On Debian ask for: apt-get install openjdk-17-jre-headless"
}

ensure_programs
check_java
.venv/bin/python -m deploy.stack.prepare
