//! A TCP line before a platform: it can lead nowhere, and later to another place.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Line {
    address: SocketAddr,
    to: watch::Sender<Option<SocketAddr>>,
}

impl Line {
    /// A line that leads nowhere: whoever connects is hung up on.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (to, places) = watch::channel(None);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, places.clone()));
            }
        });
        Self { address, to }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Leads to the platform at `url` from now on, or nowhere; what leads elsewhere is cut.
    pub fn lead_to(&self, url: Option<&str>) {
        self.to.send_replace(url.map(|url| url.rsplit("//").next().unwrap().parse().unwrap()));
    }
}

async fn pass(mut client: TcpStream, mut places: watch::Receiver<Option<SocketAddr>>) {
    let Some(place) = *places.borrow() else { return };
    let Ok(mut server) = TcpStream::connect(place).await else { return };
    tokio::select! {
        // However it ends, it has ended.
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = places.wait_for(|to| *to != Some(place)) => {}
    }
}
