# Starts PostgreSQL, MariaDB and Apache Kafka for tests: own data directories, free loopback ports, unprivileged users.
# To be sourced from the project's folder; needs bash. Gives `install_missing`, `start_servers` and `stop_servers`.

SERVERS_DIR=""
SERVERS_POSTGRES_BIN=""
SERVERS_PASSWORD="Xs-test-9f2c"
# Which of them; the others are neither installed nor started.
SERVERS="postgres mariadb kafka"
. tests/support/kafka.sh

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else return 1; fi
}

wanted() { case " $SERVERS " in *" $1 "*) ;; *) return 1 ;; esac; }

# Debian keeps PostgreSQL's programs out of PATH.
find_postgres() {
    local bin
    for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) /usr/local/pgsql/bin; do
        if [ -x "$bin/postgres" ] && [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ]; then echo "$bin"; return 0; fi
    done
    bin=$(command -v postgres) || return 1
    bin=$(dirname "$(readlink -f "$bin")")
    [ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] && echo "$bin"
}

find_mariadb() {
    local name
    for name in mariadbd /usr/sbin/mariadbd /usr/libexec/mariadbd; do
        if command -v "$name" >/dev/null && command -v mariadb-install-db >/dev/null; then command -v "$name"; return 0; fi
    done
    return 1
}

# Installs what is missing, without letting the packages start services of their own.
install_missing() {
    local packages=() policy=/usr/sbin/policy-rc.d made=""
    if wanted postgres; then find_postgres >/dev/null || packages+=(postgresql); fi
    if wanted mariadb; then find_mariadb >/dev/null || packages+=(mariadb-server); fi
    if wanted kafka; then
        find_java >/dev/null || packages+=(openjdk-17-jre-headless)
        command -v mvn >/dev/null || packages+=(maven)
        python3 -c 'import venv, ensurepip' 2>/dev/null || packages+=(python3-venv)
        command -v openssl >/dev/null || packages+=(openssl)
    fi
    # The headers that Kafka over TLS is built with.
    command -v pkg-config >/dev/null || packages+=(pkg-config)
    pkg-config --exists openssl 2>/dev/null || packages+=(libssl-dev)
    # Drivers of ODBC, and the headers that the feature is built with.
    local driver
    for driver in libsqliteodbc:libsqlite3odbc.so odbc-postgresql:psqlodbcw.so tdsodbc:libtdsodbc.so; do
        ls /usr/lib/*/odbc/"${driver#*:}" >/dev/null 2>&1 || packages+=("${driver%:*}")
    done
    [ -e /usr/include/sql.h ] || packages+=(unixodbc-dev)
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    command -v make >/dev/null || packages+=(make)
    [ ${#packages[@]} = 0 ] && return 0
    say "installing ${packages[*]}"
    command -v apt-get >/dev/null || die "missing: ${packages[*]}, and there is no apt-get to install them"
    as_root true || die "missing: ${packages[*]}; run as root or with sudo, or install them"
    if [ ! -e "$policy" ]; then
        made=yes
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    local ok=yes
    { as_root apt-get update -qq &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >&2 || ok=""
    [ -z "$made" ] || as_root rm -f "$policy"
    [ -n "$ok" ] || die "apt-get could not install ${packages[*]}"
}

# Becomes a command run by an unprivileged user (PostgreSQL refuses root). Call it in a subshell.
become() {
    local user=$1
    shift
    cd / || exit 1
    [ "$(id -u)" = 0 ] || exec "$@"
    exec setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@"
}

user_of() {
    if [ "$(id -u)" != 0 ]; then id -un; elif id "$1" >/dev/null 2>&1; then echo "$1"; else echo nobody; fi
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 30000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

start_postgres() {
    local dir=$SERVERS_DIR/postgres user port
    user=$(user_of postgres)
    mkdir "$dir"
    printf '%s\n' "$SERVERS_PASSWORD" >"$dir/password"
    chown -R "$user" "$dir"
    (become "$user" "$SERVERS_POSTGRES_BIN/initdb" -D "$dir/data" -U xiaoshu -A scram-sha-256 --pwfile="$dir/password" \
        -E UTF8 --locale=C.UTF-8 --no-sync) >"$SERVERS_DIR/postgres.log" 2>&1 || return 1
    for _ in 1 2 3; do
        port=$(free_port)
        if (become "$user" "$SERVERS_POSTGRES_BIN/pg_ctl" -D "$dir/data" -w -t 60 -l "$dir/log" -o \
            "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir -c fsync=off -c max_connections=200" \
            start) >>"$SERVERS_DIR/postgres.log" 2>&1; then
            echo "$port" >"$SERVERS_DIR/postgres.port"
            return 0
        fi
    done
    cat "$dir/log" >>"$SERVERS_DIR/postgres.log" 2>/dev/null
    return 1
}

start_mariadb() {
    local dir=$SERVERS_DIR/mariadb user port server
    server=$(find_mariadb)
    user=$(user_of mysql)
    mkdir "$dir"
    chown "$user" "$dir"
    (become "$user" mariadb-install-db --no-defaults --datadir="$dir/data" --auth-root-authentication-method=normal \
        --skip-test-db --innodb-buffer-pool-size=64M) >"$SERVERS_DIR/mariadb.log" 2>&1 || return 1
    for _ in 1 2 3; do
        port=$(free_port)
        (become "$user" "$server" --no-defaults --datadir="$dir/data" --port="$port" --bind-address=127.0.0.1 \
            --socket="$dir/socket" --pid-file="$dir/pid" --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M \
            --skip-log-bin --max-connections=200) >>"$SERVERS_DIR/mariadb.log" 2>&1 &
        echo $! >"$SERVERS_DIR/mariadb.pid"
        for _ in $(seq 300); do
            kill -0 "$(cat "$SERVERS_DIR/mariadb.pid")" 2>/dev/null || break
            if mariadb --no-defaults --socket="$dir/socket" -u root -e "CREATE USER 'xiaoshu'@'127.0.0.1' IDENTIFIED BY \
                '$SERVERS_PASSWORD'; GRANT ALL ON *.* TO 'xiaoshu'@'127.0.0.1' WITH GRANT OPTION; CREATE DATABASE xiaoshu" \
                >>"$SERVERS_DIR/mariadb.log" 2>&1; then
                echo "$port" >"$SERVERS_DIR/mariadb.port"
                return 0
            fi
            sleep 0.1
        done
    done
    return 1
}

# Starts them, sets XIAOSHU_TEST_POSTGRES_URL (and for clusters that a test makes itself by tests/support/cluster.sh the folder
# XIAOSHU_TEST_CLUSTERS), XIAOSHU_TEST_MYSQL_URL, XIAOSHU_TEST_KAFKA_BROKERS (everything is
# allowed) and XIAOSHU_TEST_KAFKA_SASL (the same broker by account; one called stranger may do nothing), the same over TLS
# as XIAOSHU_TEST_KAFKA_TLS, XIAOSHU_TEST_KAFKA_MUTUAL (demands a client's certificate) and XIAOSHU_TEST_KAFKA_SASL_TLS with
# XIAOSHU_TEST_KAFKA_CERTIFICATES (a folder), its process XIAOSHU_TEST_KAFKA_PID, and for brokers that a test starts
# itself XIAOSHU_TEST_KAFKA_LIBS; XIAOSHU_TEST_PYTHON has a Kafka client.
start_servers() {
    local name started=() pid tls mutual sasltls
    if wanted postgres; then SERVERS_POSTGRES_BIN=$(find_postgres) || die "PostgreSQL is not installed"; fi
    if wanted mariadb; then find_mariadb >/dev/null || die "MariaDB is not installed"; fi
    if wanted kafka; then
        find_java >/dev/null || die "Java 17 is not installed"
        fetch_kafka
        fetch_python
    fi
    SERVERS_DIR=$(mktemp -d "${TMPDIR:-/tmp}/xiaoshu-servers.XXXXXX")
    chmod 755 "$SERVERS_DIR"
    say "starting $SERVERS in $SERVERS_DIR"
    for name in $SERVERS; do
        "start_$name" &
        started+=("$name:$!")
    done
    for name in "${started[@]}"; do
        pid=${name#*:}
        name=${name%:*}
        wait "$pid" || { tail -n 50 "$SERVERS_DIR/$name.log" >&2; die "$name did not start"; }
    done
    mkdir "$SERVERS_DIR/clusters"
    export XIAOSHU_TEST_CLUSTERS="$SERVERS_DIR/clusters"
    wanted postgres &&
        export XIAOSHU_TEST_POSTGRES_URL="postgres://xiaoshu:$SERVERS_PASSWORD@127.0.0.1:$(cat "$SERVERS_DIR/postgres.port")/postgres"
    wanted mariadb &&
        export XIAOSHU_TEST_MYSQL_URL="mysql://xiaoshu:$SERVERS_PASSWORD@127.0.0.1:$(cat "$SERVERS_DIR/mariadb.port")/xiaoshu"
    if wanted kafka; then
        XIAOSHU_TEST_KAFKA_PID=$(cat "$SERVERS_DIR/kafka.pid")
        export XIAOSHU_TEST_KAFKA_PID
        export XIAOSHU_TEST_KAFKA_BROKERS="127.0.0.1:$(cat "$SERVERS_DIR/kafka.port")"
        export XIAOSHU_TEST_KAFKA_SASL="kafka://xiaoshu:$SERVERS_PASSWORD@127.0.0.1:$(cat "$SERVERS_DIR/kafka.sasl")/kafka"
        read -r tls mutual sasltls <"$SERVERS_DIR/kafka.tls"
        export XIAOSHU_TEST_KAFKA_TLS="127.0.0.1:$tls"
        export XIAOSHU_TEST_KAFKA_MUTUAL="127.0.0.1:$mutual"
        export XIAOSHU_TEST_KAFKA_SASL_TLS="kafka://xiaoshu:$SERVERS_PASSWORD@127.0.0.1:$sasltls/kafka"
        export XIAOSHU_TEST_KAFKA_CERTIFICATES="$SERVERS_DIR/kafka/certificates"
    fi
    return 0
}

# Stops what start_servers started and removes its files; harmless when nothing runs.
stop_servers() {
    [ -n "$SERVERS_DIR" ] || return 0
    local pid name data
    for data in "$SERVERS_DIR/postgres/data" "$SERVERS_DIR"/clusters/*/data; do
        [ -f "$data/postmaster.pid" ] || continue
        (become "$(user_of postgres)" "$SERVERS_POSTGRES_BIN/pg_ctl" -D "$data" -m immediate -w stop) >/dev/null 2>&1
    done
    for name in mariadb kafka; do
        [ -f "$SERVERS_DIR/$name.pid" ] || continue
        pid=$(cat "$SERVERS_DIR/$name.pid")
        kill "$pid" 2>/dev/null
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$SERVERS_DIR"
    SERVERS_DIR=""
}
