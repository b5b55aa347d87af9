//! The line on which a server sends its binary log. The driver that reads tables cannot ask for it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mysql_async::prelude::Queryable;
use mysql_async::{BinlogStream, BinlogStreamRequest, Conn, DriverError, Error, IoError, Opts, OptsBuilder, SslOpts};

use super::super::connect::Session;
use super::mark::Point;
use super::scan::{Event, Step};
use super::settings::LogSettings;
use crate::finding::Text;
use crate::source::SourceError;
use crate::source::server::Tls;

/// The longest wait for a connection to stand.
const CONNECT: Duration = Duration::from_secs(10);
/// An event may be as large as the server allows at all.
const LARGEST_PACKET: usize = 1 << 30;

/// How a reading of the log ended.
pub(super) enum Ended {
    /// By a step, or at the log's end.
    Well,
    /// The log cannot be read from there.
    Lost(Text),
    /// The account may not read it.
    Denied,
}

/// Gives the log's events from `from` on to `take`, until that has enough or the log ends.
pub(super) async fn read(
    session: &Session,
    from: &Point,
    budget: LogSettings,
    mut take: impl FnMut(Event<'_>) -> Step,
) -> Result<Ended, SourceError> {
    let Ok(offset) = u32::try_from(from.offset) else {
        return Ok(Ended::Lost(Text::new(
            format!("日志文件 {} 超过 4 GiB，其后的位置无法再指定", from.file),
            format!("the log file {} is longer than 4 GiB, behind which no position can be named", from.file),
        )));
    };
    let connection = connect(session).await?;
    let request =
        BinlogStreamRequest::new(server_id()).with_filename(from.file.as_bytes()).with_pos(u64::from(offset)).with_non_blocking();
    let mut stream = match within(session, connection.get_binlog_stream(request)).await? {
        Ok(stream) => stream,
        Err(error) => return refused(session, &error),
    };
    let ended = follow(session, &mut stream, budget, &mut take).await;
    // Nothing was asked of the server that it would have to keep.
    let _ = tokio::time::timeout(CONNECT, stream.close()).await;
    ended
}

async fn follow(
    session: &Session,
    stream: &mut BinlogStream,
    budget: LogSettings,
    take: &mut impl FnMut(Event<'_>) -> Step,
) -> Result<Ended, SourceError> {
    let began = Instant::now();
    let mut bytes = 0_u64;
    while let Some(event) = within(session, stream.next()).await? {
        let event = match event {
            Ok(event) => event,
            Err(error) => return refused(session, &error),
        };
        let header = event.header();
        bytes += u64::from(header.event_size());
        let step = take(Event {
            kind: header.event_type_raw(),
            at: header.timestamp(),
            next: header.log_pos(),
            flags: header.flags_raw(),
            body: event.data(),
        });
        match step {
            Step::On if budget.is_used_up(bytes, began.elapsed()) => return Ok(Ended::Lost(over(budget))),
            Step::On => {}
            Step::Done => return Ok(Ended::Well),
            Step::Lost(why) => return Ok(Ended::Lost(why)),
        }
    }
    Ok(Ended::Well)
}

fn over(budget: LogSettings) -> Text {
    let LogSettings { max_read, max_seconds } = budget;
    Text::new(
        format!("上次以来的日志超过 {max_read} MiB（log.max_read）或读取超过 {max_seconds} 秒（log.max_seconds）"),
        format!(
            "the log since the last run is more than {max_read} MiB (log.max_read) or takes longer than {max_seconds} s (log.max_seconds)"
        ),
    )
}

/// An id that no replica has: replicas are numbered by hand or by their IPv4 address, and there are no addresses from 240.0.0.0
/// on. A server would end the line of a replica with the same id.
fn server_id() -> u32 {
    0xF000_0000 | rand::random::<u32>() >> 4
}

async fn connect(session: &Session) -> Result<Conn, SourceError> {
    let connected = match session.server.tls {
        Tls::Disable => dial(session, None).await?,
        Tls::Require => dial(session, Some(trusting())).await?,
        Tls::Verify => dial(session, Some(SslOpts::default())).await?,
        Tls::Prefer => match dial(session, Some(trusting())).await? {
            // As when tables are read: preferring is not insisting.
            Err(error) if cannot_encrypt(&error) => dial(session, None).await?,
            other => other,
        },
    };
    let mut connection = connected.map_err(|error| trouble(session, &error))?;
    // MariaDB sends transactions as they stand in its log only to those who say that they know their marks.
    let said = within(session, connection.query_drop("SET @mariadb_slave_capability = 4")).await?;
    said.map_err(|error| trouble(session, &error))?;
    Ok(connection)
}

/// Whether it is encryption that failed.
fn cannot_encrypt(error: &Error) -> bool {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)) => true,
        Error::Io(IoError::Io(error)) => {
            matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof | ErrorKind::Other)
        }
        _ => false,
    }
}

/// Encrypted, whoever the server is.
fn trusting() -> SslOpts {
    SslOpts::default().with_danger_accept_invalid_certs(true).with_danger_skip_domain_validation(true)
}

async fn dial(session: &Session, tls: Option<SslOpts>) -> Result<Result<Conn, Error>, SourceError> {
    let server = &session.server;
    let tls = tls.map(|tls| match &server.tls_ca {
        Some(ca) => tls.with_root_certs(vec![ca.clone().into()]),
        None => tls,
    });
    let options: Opts = OptsBuilder::default()
        .ip_or_hostname(server.host.as_str())
        .tcp_port(session.port())
        .user(Some(server.user.as_str()))
        .pass(Some(server.password.as_str()))
        .prefer_socket(Some(false))
        .max_allowed_packet(Some(LARGEST_PACKET))
        .wait_timeout(Some(28_800))
        .ssl_opts(tls)
        .into();
    let connecting = tokio::time::timeout(CONNECT, Conn::new(options));
    connecting.await.map_err(|_| line(session, "no answer to the connection in time"))
}

/// Waits no longer than for rows.
async fn within<T>(session: &Session, waiting: impl Future<Output = T>) -> Result<T, SourceError> {
    let patience = session.server.patience();
    let late = || line(session, &format!("nothing of the binary log within {} s (statement_timeout)", patience.as_secs()));
    tokio::time::timeout(patience, waiting).await.map_err(|_| late())
}

/// What the server does not send: a log that it no longer has, or has not for this account.
fn refused(session: &Session, error: &Error) -> Result<Ended, SourceError> {
    match error {
        // The server's only word for a log that it cannot send: purged, shorter than the position, damaged.
        Error::Server(said) if said.code == 1236 => Ok(Ended::Lost(Text::new(
            format!("服务器已不能从该位置发送日志（已清除、被截断或损坏）：{}", session.server.scrub(&said.message)),
            format!(
                "the server cannot send the log from there (purged, cut or damaged): {}",
                session.server.scrub(&said.message)
            ),
        ))),
        // Who may log in but not read the log is told so in these words, too.
        Error::Server(said) if matches!(said.code, 1045 | 1227) => Ok(Ended::Denied),
        error => Err(trouble(session, error)),
    }
}

fn trouble(session: &Session, error: &Error) -> SourceError {
    match error {
        Error::Server(said) if matches!(said.code, 1044 | 1045 | 1698 | 1820 | 3118) => SourceError::Denied {
            source_name: session.source.clone(),
            what: session.server.scrub(&format!("MySQL {}: {}", said.code, said.message)),
        },
        Error::Driver(DriverError::UnknownAuthPlugin { name }) => SourceError::Settings {
            source_name: session.source.clone(),
            what: format!("the account's way of logging in, {name}, is not known for the binary log"),
            remedy: "use mysql_native_password or caching_sha2_password for it".into(),
        },
        Error::Io(IoError::Tls(error)) => SourceError::Settings {
            source_name: session.source.clone(),
            what: session.server.scrub(&format!("TLS: {error}")),
            remedy: "correct `tls` and `tls_ca`, or the server's certificate".into(),
        },
        // An event that cannot be decoded is not quoted: it holds rows.
        Error::Driver(DriverError::UnexpectedPacket { .. }) => line(session, "the server sent something that is no log"),
        error => line(session, &session.server.scrub(&error.to_string())),
    }
}

fn line(session: &Session, what: &str) -> SourceError {
    SourceError::Connection {
        source_name: session.source.clone(),
        what: format!("{}:{}: {what}", session.server.host, session.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::server_id;

    #[test]
    fn ids_are_of_no_address_that_a_replica_could_have() {
        for _ in 0..1000 {
            assert!(server_id() >= 0xF000_0000);
        }
    }
}
