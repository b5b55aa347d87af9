//! Faults of the client library, classed and in words.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::fault::{Classified, FaultClass};
use crate::finding::Text;

/// What went wrong, without secrets or values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", text.en)]
pub struct Trouble {
    /// The class that recovery goes by.
    pub class: FaultClass,
    /// Whether one topic is to blame, not the connection.
    pub topic: bool,
    /// What happened and what to do.
    pub text: Text,
}

impl Classified for Trouble {
    fn fault_class(&self) -> FaultClass {
        self.class
    }
}

impl Trouble {
    /// Of an error of the library; `about` names the topic or what was asked.
    pub fn of(error: &KafkaError, about: &str) -> Self {
        match error.rdkafka_error_code() {
            Some(code) => Self::of_code(code, about, ""),
            None => Self::other(FaultClass::Configuration, &error.to_string()),
        }
    }

    /// Of an error code; `reason` is the library's own text, where it gave one.
    pub fn of_code(code: Code, about: &str, reason: &str) -> Self {
        let detail = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        let make = |class, topic, zh: &str, en: &str| Self {
            class,
            topic,
            text: Text::new(format!("{about}：{zh}{detail}"), format!("{about}: {en}{detail}")),
        };
        use FaultClass::{Configuration, Credentials, Data, Throttled, Transient};
        match code {
            Code::Resolve => make(
                Configuration,
                false,
                "代理地址无法解析；请核对 brokers 中的主机名与 DNS",
                "a broker's name cannot be resolved; check the host names in brokers, and DNS",
            ),
            Code::Authentication | Code::SaslAuthenticationFailed => make(
                Credentials,
                false,
                "账号未被接受；请核对 user、password 与 SASL 机制",
                "the account was not accepted; check user, password and the SASL mechanism",
            ),
            Code::SSL => make(
                Configuration,
                false,
                "TLS 握手失败；请核对 ca、cert、key 与代理证书",
                "the TLS handshake failed; check ca, cert, key and the broker's certificate",
            ),
            Code::TopicAuthorizationFailed => make(
                Credentials,
                true,
                "账号对该主题没有权限；请平台管理员授予读或写权限",
                "the account has no right to this topic; ask the platform's operator to grant reading or writing",
            ),
            Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed | Code::TransactionalIdAuthorizationFailed => make(
                Credentials,
                false,
                "账号缺少所需权限（消费组或幂等写入）",
                "the account lacks a right it needs (consumer group or idempotent writing)",
            ),
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => make(
                Configuration,
                true,
                "没有该主题；请平台管理员创建，或在设置中允许创建（create）",
                "there is no such topic; ask the platform's operator to create it, or allow its creation in the settings (create)",
            ),
            Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::InvalidRecord | Code::PolicyViolation => make(
                Data,
                true,
                "代理拒绝了该条记录（过大或不合规）",
                "the broker refused the record (too large, or against its rules)",
            ),
            Code::ThrottlingQuotaExceeded => make(Throttled, false, "代理限流", "the broker throttles this client"),
            Code::BrokerTransportFailure | Code::AllBrokersDown => {
                make(Transient, false, "连不上任何代理", "no broker can be reached")
            }
            Code::OperationTimedOut | Code::MessageTimedOut | Code::TimedOutQueue | Code::RequestTimedOut => {
                make(Transient, false, "代理未及时应答", "the broker did not answer in time")
            }
            _ => make(Transient, false, &format!("代理报错 {code:?}"), &format!("the broker answered {code:?}")),
        }
    }

    fn other(class: FaultClass, what: &str) -> Self {
        Self { class, topic: false, text: Text::new(format!("Kafka：{what}"), format!("Kafka: {what}")) }
    }
}
