//! A TCP line that can be made to stand still: it stays open and passes nothing on.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

pub struct Proxy {
    address: SocketAddr,
    /// Connections up to this number stand still.
    frozen: watch::Sender<u64>,
    made: watch::Receiver<u64>,
    passed: Arc<Notify>,
}

impl Proxy {
    /// Before the server at `url`.
    pub async fn start(url: String) -> Self {
        let to = url.rsplit("//").next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (frozen, thawed) = watch::channel(0);
        let (count, made) = watch::channel(0);
        let passed = Arc::new(Notify::new());
        let told = Arc::clone(&passed);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                count.send_modify(|n| *n += 1);
                let number = *count.borrow();
                let server = TcpStream::connect(&to).await.unwrap();
                let ((a, b), (c, d)) = (client.into_split(), server.into_split());
                tokio::spawn(pass(a, d, number, thawed.clone(), Arc::clone(&told)));
                tokio::spawn(pass(c, b, number, thawed.clone(), Arc::clone(&told)));
            }
        });
        Self { address, frozen, made, passed }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All connections made so far stand still from now on.
    pub fn freeze(&self) {
        self.frozen.send_replace(*self.made.borrow());
    }

    /// Once a good deal has gone through: a Hello and a batch at least.
    pub async fn first_bytes(&self) {
        self.passed.notified().await;
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    number: u64,
    mut frozen: watch::Receiver<u64>,
    passed: Arc<Notify>,
) {
    let (mut buffer, mut all) = (vec![0; 16 << 10], 0);
    loop {
        let read = tokio::select! {
            read = from.read(&mut buffer) => read,
            _ = frozen.wait_for(|upto| number <= *upto) => break,
        };
        let Ok(len @ 1..) = read else { return };
        if *frozen.borrow() >= number {
            break;
        }
        if to.write_all(&buffer[..len]).await.is_err() {
            return;
        }
        all += len;
        if all > 1_500 {
            passed.notify_one();
        }
    }
    // Open, and still, until the test ends.
    std::future::pending::<()>().await;
}
