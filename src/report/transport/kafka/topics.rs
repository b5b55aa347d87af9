//! Topics: are they there, may we use them, make those that are missing.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, FromClientConfig};
use rdkafka::consumer::BaseConsumer;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::settings::{Create, KafkaSettings};
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::wire::kafka::{Trouble, Watch, describe};

/// Looks at topics over a connection of its own: partitions of each, or its trouble. Waits; not for async threads.
pub(super) fn look(
    settings: &KafkaSettings,
    config: &ClientConfig,
    name: &Arc<str>,
    topics: &[String],
    patience: Duration,
) -> Result<Vec<Result<i32, Trouble>>, Trouble> {
    let watch = Watch::new(Arc::clone(name), Arc::new(settings.connection.clone()));
    let consumer: BaseConsumer<Watch> =
        config.create_with_context(watch).map_err(|error| unusable(settings, &error.to_string()))?;
    describe(&consumer, topics, patience)
}

/// The connection's settings do not do: a certificate file that cannot be read, for instance.
pub(super) fn unusable(settings: &KafkaSettings, what: &str) -> Trouble {
    let what = settings.connection.scrub(what);
    let text =
        Text::new(format!("Kafka 连接设置不可用：{what}"), format!("the Kafka connection settings cannot be used: {what}"));
    Trouble { class: FaultClass::Configuration, topic: false, text }
}

/// Makes a topic that is missing: for records compacted, so that the newest state of each key stays; for verdicts and questions not.
pub(super) async fn make(
    settings: &KafkaSettings,
    config: &ClientConfig,
    how: &Create,
    topic: &str,
    patience: Duration,
) -> Result<(), Trouble> {
    let admin: AdminClient<DefaultClientContext> =
        AdminClient::from_config(config).map_err(|error| unusable(settings, &error.to_string()))?;
    let replication = TopicReplication::Fixed(i32::from(how.replication));
    let mut new = NewTopic::new(topic, i32::from(how.partitions), replication);
    let own = &settings.own;
    if ![&own.return_topic, &own.control_topic].iter().any(|other| other.as_deref() == Some(topic)) {
        // A consumer that was away for a month still sees deletions.
        new = new.set("cleanup.policy", "compact").set("delete.retention.ms", "2592000000");
    }
    let options = AdminOptions::new().request_timeout(Some(patience)).operation_timeout(Some(patience));
    let made = admin.create_topics([&new], &options).await.map_err(|error| Trouble::of(&error, "create"))?;
    for result in made {
        match result {
            Ok(topic) => tracing::info!(topic, partitions = how.partitions, "topic made"),
            // Another hub was quicker.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(Trouble::of_code(code, &topic, "")),
        }
    }
    Ok(())
}

/// Whether a topic's trouble is that it is not there.
pub(super) fn is_missing(trouble: &Trouble) -> bool {
    trouble.topic && trouble.class == FaultClass::Configuration
}
