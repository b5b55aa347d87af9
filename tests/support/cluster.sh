#!/usr/bin/env bash
# A PostgreSQL cluster of a test's own, on loopback, which keeps a log of changes.
#
#   cluster.sh start FOLDER [NAME=VALUE…]   makes it if there is none, with these settings, and starts it; prints its port
#   cluster.sh stop FOLDER fast|immediate   stops it, immediately as by a crash
#   cluster.sh remove FOLDER                stops it and removes its files
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/support/servers.sh

bin=$(find_postgres) || die "PostgreSQL is not installed"
user=$(user_of postgres)
folder=$2

server() { (become "$user" "$bin/pg_ctl" -D "$folder/data" "$@") >>"$folder/control.log" 2>&1; }

make() {
    local setting
    mkdir -p "$folder"
    chown "$user" "$folder"
    (become "$user" "$bin/initdb" -D "$folder/data" -U xiaoshu -A trust -E UTF8 --locale=C.UTF-8 --no-sync) \
        >"$folder/control.log" 2>&1
    for setting in listen_addresses=127.0.0.1 "unix_socket_directories=$folder" fsync=off wal_level=logical \
        max_replication_slots=20 max_connections=60 shared_buffers=16MB autovacuum=off "$@"; do
        echo "${setting%%=*} = '${setting#*=}'" >>"$folder/data/postgresql.conf"
    done
}

case $1 in
start)
    shift 2
    [ -d "$folder/data" ] || make "$@"
    # Once it has a port it keeps it.
    for _ in 1 2 3; do
        port=$(cat "$folder/port" 2>/dev/null || free_port)
        if server -w -t 60 -l "$folder/log" -o "-p $port" start; then
            echo "$port" | tee "$folder/port"
            exit 0
        fi
    done
    tail -n 20 "$folder/control.log" "$folder/log" >&2 || true
    exit 1
    ;;
stop) server -m "$3" -w -t 60 stop ;;
remove)
    server -m immediate -w -t 60 stop || true
    rm -rf "$folder"
    ;;
*) die "unknown: $1" ;;
esac
