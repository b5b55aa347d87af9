//! The line to the server: not encrypted, and given up before the login when the server insists on encryption.
//!
//! Both sides say in their first message what they hold of encryption. The driver, built without TLS, passes over what the
//! server says and would send the login in the open to a server that refuses it then; so the answer is looked at here.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::io::{AsyncRead, AsyncWrite};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// Bytes before the payload of a packet.
const HEADER: usize = 8;
/// The option of the first message that tells about encryption, and the end of the options.
const ENCRYPTION: u8 = 1;
const TERMINATOR: u8 = 0xFF;
/// What a server says that takes encrypted lines only.
const ON: u8 = 1;
const REQUIRED: u8 = 3;

/// The kind of error of a line that is to be encrypted.
pub(super) const INSISTS: io::ErrorKind = io::ErrorKind::Unsupported;

/// A connection, and the server's first message as far as it has come.
pub(super) struct Line {
    tcp: TcpStream,
    first: Option<Vec<u8>>,
}

impl Line {
    /// Connects.
    pub async fn dial(host: &str, port: u16) -> io::Result<Self> {
        let tcp = TcpStream::connect((host, port)).await?;
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, first: Some(Vec::new()) })
    }

    fn look(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(first) = &mut self.first else { return Ok(()) };
        first.extend_from_slice(bytes);
        match said(first) {
            Said::Unfinished => Ok(()),
            Said::Encryption(ON | REQUIRED) => Err(io::Error::new(INSISTS, "the server insists on encryption")),
            Said::Encryption(_) | Said::Nothing => {
                self.first = None;
                Ok(())
            }
        }
    }
}

/// What a first message says of encryption.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// It has not come whole.
    Unfinished,
    /// Nothing.
    Nothing,
    /// This.
    Encryption(u8),
}

fn said(packet: &[u8]) -> Said {
    let Some(length) = packet.get(2..4).map(|bytes| usize::from(bytes[0]) << 8 | usize::from(bytes[1])) else {
        return Said::Unfinished;
    };
    let Some(payload) = packet.get(HEADER..length.max(HEADER)) else { return Said::Unfinished };
    // Each option: what it is, where its value begins, how long it is.
    for option in payload.chunks(5) {
        match option {
            [ENCRYPTION, high, low, ..] => {
                let at = usize::from(*high) << 8 | usize::from(*low);
                return payload.get(at).map_or(Said::Nothing, |value| Said::Encryption(*value));
            }
            [TERMINATOR, ..] => break,
            _ => {}
        }
    }
    Said::Nothing
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(&mut this.tcp).poll_read(context, &mut read))?;
        this.look(read.filled())?;
        Poll::Ready(Ok(read.filled().len()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(encryption: u8) -> Vec<u8> {
        let mut payload = vec![0, 0, 11, 0, 6, ENCRYPTION, 0, 17, 0, 1, TERMINATOR, 10, 50, 0, 0, 0, 0, encryption];
        let mut packet = vec![4, 1, 0, (HEADER + payload.len()) as u8, 0, 0, 1, 0];
        packet.append(&mut payload);
        packet
    }

    #[test]
    fn what_the_server_says_of_encryption_is_heard_when_it_has_come_whole() {
        for encryption in [0, 1, 2, 3] {
            let packet = answer(encryption);
            for end in 0..packet.len() {
                assert_eq!(said(&packet[..end]), Said::Unfinished, "{end} bytes");
            }
            assert_eq!(said(&packet), Said::Encryption(encryption));
        }
    }

    #[test]
    fn a_message_without_the_option_says_nothing() {
        assert_eq!(said(&[4, 1, 0, 9, 0, 0, 1, 0, TERMINATOR]), Said::Nothing);
        assert_eq!(said(&[4, 1, 0, 14, 0, 0, 1, 0, ENCRYPTION, 0, 200, 0, 1, TERMINATOR]), Said::Nothing);
        assert_eq!(said(&[4, 1, 0, 3, 0, 0, 1, 0]), Said::Nothing);
    }
}
