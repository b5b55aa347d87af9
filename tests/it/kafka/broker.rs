//! The broker that `tests/run.sh` starts, brokers of a test's own, and plain clients.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Header, Headers, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: this test needs Kafka; use tests/run.sh, or tests/run.sh --servers=kafka cargo test")
    })
}

/// The shared broker's address.
pub fn shared() -> String {
    variable("XIAOSHU_TEST_KAFKA_BROKERS")
}

/// The shared broker by account: address and password.
pub fn by_account() -> (String, String) {
    account_of("XIAOSHU_TEST_KAFKA_SASL")
}

/// Address and password of what a variable names.
pub fn account_of(name: &str) -> (String, String) {
    let url = variable(name);
    let (account, place) = url.split_once("://").unwrap().1.rsplit_once('@').unwrap();
    (place.split('/').next().unwrap().to_owned(), account.split_once(':').unwrap().1.to_owned())
}

/// A name that no other test has.
pub fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("t{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// Makes a topic that is compacted, or that keeps everything.
pub fn make(brokers: &str, topic: &str, partitions: i32, compact: bool) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().unwrap();
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1))
        .set("cleanup.policy", if compact { "compact" } else { "delete" });
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let made = std::thread::scope(|s| s.spawn(|| block_on(admin.create_topics([&new], &options))).join().unwrap());
    made.unwrap().remove(0).unwrap();
}

/// Sees to it that nothing written is refused.
struct Strict;

impl ClientContext for Strict {}

impl ProducerContext for Strict {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            panic!("{}: {error}", message.topic());
        }
    }
}

/// Writes messages one after another: partition, key, value.
pub fn write(brokers: &str, topic: &str, messages: &[(Option<i32>, Option<&str>, Option<&str>)]) {
    let producer: BaseProducer<Strict> = config(brokers).create_with_context(Strict).unwrap();
    for (partition, key, value) in messages {
        let mut record: BaseRecord<'_, str, str> = BaseRecord::to(topic);
        (record.partition, record.key, record.payload) = (*partition, *key, *value);
        while let Err((_, back)) = producer.send(record) {
            producer.poll(Duration::from_millis(100));
            record = back;
        }
    }
    producer.flush(PATIENCE).unwrap();
}

/// Writes one version of a record for each school, as its hub would: the record's key is the school's own.
pub fn write_records(brokers: &str, topic: &str, table: &str, schools: &[String], seq: u64) {
    let producer: BaseProducer<Strict> = config(brokers).set("partitioner", "murmur2").create_with_context(Strict).unwrap();
    for school in schools {
        let own = format!("{:0>32}", school);
        let (key, value) = (format!("{school}:{own}"), format!("{{\"key\":\"{own}\",\"seq\":{seq}}}"));
        let seq = seq.to_string();
        let headers = [
            ("school", school.as_str()),
            ("table", table),
            ("edition", "gaozhi-2024.09"),
            ("epoch", "1"),
            ("seq", &seq),
            ("op", "upsert"),
            ("hash", "00"),
            ("ce_source", "/schools/x/hubs/y"),
        ];
        let headers = headers.iter().fold(OwnedHeaders::new(), |h, (key, value)| h.insert(Header { key, value: Some(*value) }));
        let record = BaseRecord::to(topic).key(&key).payload(&value).headers(headers);
        assert!(producer.send(record).is_ok());
    }
    producer.flush(PATIENCE).unwrap();
}

/// Waits until a topic of one partition holds so many messages.
pub fn await_messages(brokers: &str, topic: &str, count: usize) {
    let mut config = config(brokers);
    let consumer: BaseConsumer = config.set("group.id", unique()).set("enable.auto.commit", "false").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
    consumer.assign(&list).unwrap();
    for seen in 0..count {
        consumer.poll(PATIENCE).unwrap_or_else(|| panic!("{seen} of {count} messages in time")).unwrap();
    }
}

/// How many members of a consumer group have partitions; none while they are being shared out.
pub fn sharing(brokers: &str, group: &str) -> usize {
    let consumer: BaseConsumer = config(brokers).create().unwrap();
    let list = consumer.fetch_group_list(Some(group), PATIENCE).unwrap();
    let stable = list.groups().iter().find(|found| found.name() == group && found.state() == "Stable");
    // Of an assignment: two bytes of version, and the number of topics in four.
    let has = |assignment: &[u8]| assignment.get(2..6).is_some_and(|topics| topics != [0; 4]);
    stable.map_or(0, |found| found.members().iter().filter(|m| m.assignment().is_some_and(has)).count())
}

/// All messages of a topic, partition by partition.
pub fn read(brokers: &str, topic: &str) -> Vec<OwnedMessage> {
    // Without commits a poll that gives nothing is one that has waited its time.
    let mut config = config(brokers);
    let consumer: BaseConsumer = config.set("group.id", unique()).set("enable.auto.commit", "false").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut all = Vec::new();
    for partition in metadata.topics()[0].partitions() {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE).unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition.id(), Offset::Offset(low)).unwrap();
        consumer.assign(&list).unwrap();
        let mut next = low;
        while next < high {
            let message = consumer.poll(PATIENCE).expect("a message in time").unwrap();
            next = message.offset() + 1;
            all.push(message.detach());
        }
    }
    all
}

/// Writes everything that a topic holds once more, backwards, as another producer that comes late.
pub fn repeat_backwards(brokers: &str, topic: &str) {
    let producer: BaseProducer<Strict> = config(brokers).create_with_context(Strict).unwrap();
    for message in read(brokers, topic).iter().rev() {
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).partition(message.partition());
        (record.key, record.payload) = (message.key(), message.payload());
        record.headers = message.headers().cloned();
        assert!(producer.send(record).is_ok());
    }
    producer.flush(PATIENCE).unwrap();
}

/// Sets the password of a SCRAM account of the shared broker.
#[cfg(feature = "kafka-tls")]
pub fn set_password(user: &str, password: &str) {
    const PROGRAM: &str = "import sys
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
brokers, user, password = sys.argv[1:]
way = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
change = UserScramCredentialUpsertion(user, way, password.encode())
admin = AdminClient({'bootstrap.servers': brokers})
admin.alter_user_scram_credentials([change])[user].result(30)";
    let python = variable("XIAOSHU_TEST_PYTHON");
    let output = Command::new(python).args(["-c", PROGRAM, &shared(), user, password]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A header as text.
pub fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let headers = message.headers()?;
    let found = headers.iter().find(|h| h.key == name)?;
    Some(String::from_utf8(found.value?.to_vec()).unwrap())
}

/// A broker of a test's own, that may be killed.
pub struct Broker {
    dir: TempDir,
    port: u16,
    libs: String,
    process: Option<Child>,
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Broker {
    pub fn start() -> Self {
        let (dir, libs) = (TempDir::new().unwrap(), format!("{}/*", variable("XIAOSHU_TEST_KAFKA_LIBS")));
        let (port, controller) = (free_port(), free_port());
        let settings = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\ncontroller.listener.names=CONTROLLER\nlog.dirs={}\n\
             auto.create.topics.enable=false\noffsets.topic.num.partitions=1\noffsets.topic.replication.factor=1\n\
             transaction.state.log.num.partitions=1\ntransaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\ngroup.initial.rebalance.delay.ms=0\n",
            dir.path().join("logs").display()
        );
        let file = dir.path().join("server.properties");
        std::fs::write(&file, settings).unwrap();
        let id = Command::new("java").args(["-cp", &libs, "kafka.tools.StorageTool", "random-uuid"]).output().unwrap();
        let id = String::from_utf8(id.stdout).unwrap();
        let format = ["-cp", &libs, "kafka.tools.StorageTool", "format", "--standalone", "-t", id.trim(), "-c"];
        let formatted = Command::new("java").args(format).arg(&file).output().unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        let mut this = Self { dir, port, libs, process: None };
        this.restart();
        this
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// Starts it on what it has on disk, and waits until it answers.
    pub fn restart(&mut self) {
        let log = std::fs::File::create(self.folder().join("log")).unwrap();
        let flags = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", &self.libs, "kafka.Kafka"];
        let process = Command::new("java")
            .args(flags)
            .arg(self.folder().join("server.properties"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.process = Some(process);
        let until = Instant::now() + PATIENCE;
        let client: BaseConsumer = config(&self.address()).create().unwrap();
        loop {
            match client.fetch_metadata(None, Duration::from_secs(1)) {
                Ok(metadata) if !metadata.brokers().is_empty() => return,
                _ if Instant::now() < until => {}
                other => {
                    let log = std::fs::read_to_string(self.folder().join("log")).unwrap_or_default();
                    panic!("no broker: {:?}\n{log}", other.err());
                }
            }
        }
    }

    /// SIGSTOP: it keeps its connections and says nothing.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT.
    pub fn wake(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("it runs").id().to_string();
        assert!(Command::new("kill").args([signal, &process]).status().unwrap().success());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
