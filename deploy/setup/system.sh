# Functions of the set-up scripts: talk to the operator, and ask the system's package manager. Sourced, not run.

say() { printf 'setup: %s\n' "$*"; }
fail() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

may_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -eq 0 ] && return 0
    command -v sudo >/dev/null || return 1
    [ -t 0 ] || sudo -n true 2>/dev/null
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
    say "installing system packages: apt-get install $*"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" && return
    say "not found at once; refreshing the package lists"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# install_missing TARGET LISTER [BEFORE]: have the packages that LISTER names, one a line; BEFORE runs ahead of a real
# installation, and TARGET is what to make again once an administrator has helped.
install_missing() {
    local packages still
    mapfile -t packages < <("$2")
    [ "${#packages[@]}" -eq 0 ] && return
    may_install || fail "These system packages are missing and cannot be installed from here: ${packages[*]}" \
        "Ask an administrator to run: apt-get install --no-install-recommends ${packages[*]}" \
        "then run make $1 again."
    "${3:-true}"
    install_packages "${packages[@]}" || true
    mapfile -t still < <("$2")
    [ "${#still[@]}" -eq 0 ] || fail "Could not be installed: ${still[*]}"
}
