#!/usr/bin/env bash
# Checks everything: formatting, lints, all tests, with PostgreSQL, MariaDB and Apache Kafka started for the run and
# stopped after it.
#
#   tests/run.sh                     everything
#   tests/run.sh --servers CMD…      runs CMD with the servers up, for instance: tests/run.sh --servers cargo test sources
#   tests/run.sh --servers=kafka CMD…   the same with these alone (postgres, mariadb, kafka; several with commas)
#
# Needs a Rust toolchain; what else is missing is installed by apt-get (as root, or with sudo).
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. tests/support/servers.sh

command -v cargo >/dev/null || { [ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"; }
command -v cargo >/dev/null || die "there is no cargo; install Rust from https://rustup.rs"

trap stop_servers EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Parts that the default build leaves out; all are tested.
FEATURES="kafka-tls odbc"

step() {
    local began=$SECONDS
    say "$*"
    "$@" || { local status=$?; say "failed with status $status: $*"; exit "$status"; }
    say "done in $((SECONDS - began)) s"
}

case "${1:-}" in --servers=*) SERVERS=$(tr , ' ' <<<"${1#*=}") ;; esac
install_missing
case "${1:-}" in
--servers | --servers=*)
    shift
    [ $# -gt 0 ] || die "--servers needs a command"
    start_servers
    "$@"
    exit
    ;;
esac
[ $# = 0 ] || die "unknown argument $1; see the head of this file"

step cargo fmt --check
step cargo clippy --locked --all-targets --features "$FEATURES" -- -D warnings
step cargo check --locked
step cargo test --locked --features "$FEATURES" --no-run
start_servers
step cargo test --locked --features "$FEATURES" --no-fail-fast
say "all good"
