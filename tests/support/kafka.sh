# Starts a real Apache Kafka for tests: one node (KRaft), loopback, temporary directory. To be sourced by servers.sh.
#
# The broker's libraries and a Python client are fetched once into a cache; later runs need no network.

KAFKA_CACHE="${XIAOSHU_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/xiaoshu-tests}"
KAFKA_POM=tests/support/kafka/pom.xml
KAFKA_CLIENT="confluent-kafka==2.12.1"
GRPC_CLIENT="grpcio-tools==1.85.1"

find_java() {
    local java major
    java=$(command -v java) || return 1
    major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [ "${major:-0}" -ge 17 ] && echo "$java"
}

# The broker's libraries, fetched when the pom has changed or they are not there yet.
fetch_kafka() {
    local libs stamp
    stamp=$(sha256sum "$KAFKA_POM" | cut -c 1-16)
    libs=$KAFKA_CACHE/kafka-$stamp
    if [ ! -e "$libs/complete" ]; then
        command -v mvn >/dev/null || die "there is no mvn to fetch Apache Kafka with"
        say "fetching Apache Kafka into $libs"
        mkdir -p "$libs"
        mvn -q -B -f "$KAFKA_POM" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$libs" >&2 ||
            die "Apache Kafka could not be fetched"
        touch "$libs/complete"
    fi
    export XIAOSHU_TEST_KAFKA_LIBS=$libs
}

# A Python with public Kafka and gRPC clients, for the examples.
fetch_python() {
    local clients="$KAFKA_CLIENT $GRPC_CLIENT" venv
    venv=$KAFKA_CACHE/python-${clients//[^a-z0-9.]/-}
    if [ ! -e "$venv/complete" ]; then
        say "installing $clients into $venv"
        python3 -m venv --clear "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check $clients >&2 ||
            die "$clients could not be installed"
        touch "$venv/complete"
    fi
    export XIAOSHU_TEST_PYTHON=$venv/bin/python
}

# Certificates for the broker and one client, of an authority of our own: ca.pem, broker.pem and client.pem (key and
# certificate), client.crt, client.key.
make_certificates() {
    local dir=$1 name
    mkdir "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=xiaoshu test authority" \
        -keyout "$dir/ca.key" -out "$dir/ca.pem" || return 1
    for name in broker client; do
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$name" \
            -keyout "$dir/$name.key" -out "$dir/$name.csr" &&
            openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 2 \
                -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") -out "$dir/$name.crt" || return 1
        cat "$dir/$name.key" "$dir/$name.crt" >"$dir/$name.pem"
    done
}

# Asks the broker for its metadata; succeeds when it lists a broker that takes work.
kafka_answers() {
    local count
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
    # Metadata, version 4: size, key 3, version 4, correlation 1, no client id, no topics, no creation.
    printf '\x00\x00\x00\x0f\x00\x03\x00\x04\x00\x00\x00\x01\xff\xff\x00\x00\x00\x00\x00' >&3
    # Size, correlation, throttle time; then the number of brokers.
    count=$(timeout 5 head -c 16 <&3 | od -An -tu1 -j 12 -N 4 | tr -d ' ')
    exec 3>&-
    [ "$count" = 0001 ]
} 2>/dev/null

start_kafka() {
    local dir=$SERVERS_DIR/kafka port sasl tls mutual sasltls controller java id plain scram
    java=$(find_java)
    mkdir "$dir"
    make_certificates "$dir/certificates" >>"$SERVERS_DIR/kafka.log" 2>&1 || return 1
    plain="org.apache.kafka.common.security.plain.PlainLoginModule required user_xiaoshu=\"$SERVERS_PASSWORD\" user_stranger=\"$SERVERS_PASSWORD\";"
    scram="org.apache.kafka.common.security.scram.ScramLoginModule required;"
    for _ in 1 2 3; do
        port=$(free_port)
        sasl=$(free_port)
        tls=$(free_port)
        mutual=$(free_port)
        sasltls=$(free_port)
        controller=$(free_port)
        cat >"$dir/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,SASL://127.0.0.1:$sasl,TLS://127.0.0.1:$tls,MUTUAL://127.0.0.1:$mutual,SASLTLS://127.0.0.1:$sasltls,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL://127.0.0.1:$sasl,TLS://127.0.0.1:$tls,MUTUAL://127.0.0.1:$mutual,SASLTLS://127.0.0.1:$sasltls
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,MUTUAL:SSL,SASLTLS:SASL_SSL,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=$plain
listener.name.sasl.scram-sha-256.sasl.jaas.config=$scram
listener.name.sasl.scram-sha-512.sasl.jaas.config=$scram
listener.name.sasltls.plain.sasl.jaas.config=$plain
listener.name.sasltls.scram-sha-256.sasl.jaas.config=$scram
listener.name.sasltls.scram-sha-512.sasl.jaas.config=$scram
# Whoever logged in proves itself again this often: a changed password is noticed within it.
listener.name.sasltls.connections.max.reauth.ms=2000
ssl.keystore.type=PEM
ssl.keystore.location=$dir/certificates/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$dir/certificates/ca.pem
listener.name.mutual.ssl.client.auth=required
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:xiaoshu;User:expiring;User:CN=client
log.dirs=$dir/logs
num.partitions=3
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
END
        rm -rf "$dir/logs"
        id=$("$java" -cp "$XIAOSHU_TEST_KAFKA_LIBS/*" kafka.tools.StorageTool random-uuid 2>>"$SERVERS_DIR/kafka.log") || return 1
        "$java" -cp "$XIAOSHU_TEST_KAFKA_LIBS/*" kafka.tools.StorageTool format --standalone -t "$id" \
            -c "$dir/server.properties" --add-scram "SCRAM-SHA-256=[name=xiaoshu,password=$SERVERS_PASSWORD]" \
            --add-scram "SCRAM-SHA-512=[name=xiaoshu,password=$SERVERS_PASSWORD]" >>"$SERVERS_DIR/kafka.log" 2>&1 || return 1
        "$java" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$XIAOSHU_TEST_KAFKA_LIBS/*" \
            kafka.Kafka "$dir/server.properties" >>"$SERVERS_DIR/kafka.log" 2>&1 &
        echo $! >"$SERVERS_DIR/kafka.pid"
        for _ in $(seq 600); do
            kill -0 "$(cat "$SERVERS_DIR/kafka.pid")" 2>/dev/null || break
            if kafka_answers "$port"; then
                echo "$port" >"$SERVERS_DIR/kafka.port"
                echo "$sasl" >"$SERVERS_DIR/kafka.sasl"
                echo "$tls $mutual $sasltls" >"$SERVERS_DIR/kafka.tls"
                return 0
            fi
            sleep 0.1
        done
    done
    return 1
}
