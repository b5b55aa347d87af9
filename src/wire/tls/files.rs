//! What is made from files, and made anew when they change.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Lack, TlsError};

/// Where Linux distributions keep the authorities they trust.
const BUNDLES: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

type Build<T> = Box<dyn Fn(&[Vec<u8>]) -> Result<T, TlsError> + Send + Sync>;

/// A value made from files. The files are small, and a handshake costs far more than reading them, so their contents
/// are compared, not their times: a swap is seen however it was done.
pub(super) struct Reloading<T> {
    paths: Vec<PathBuf>,
    build: Build<T>,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    value: Arc<T>,
    contents: Vec<Vec<u8>>,
    /// The contents that could not be used, so that they are complained of once.
    refused: Vec<Vec<u8>>,
}

impl<T> Reloading<T> {
    pub(super) fn new(paths: Vec<PathBuf>, build: Build<T>) -> Result<Self, TlsError> {
        let contents = read(&paths)?;
        let value = Arc::new(build(&contents)?);
        Ok(Self { paths, build, held: Mutex::new(Held { value, contents, refused: Vec::new() }) })
    }

    /// The value as the files have it now, or as they last had it when they cannot be used.
    pub(super) fn current(&self) -> Arc<T> {
        let contents = match read(&self.paths) {
            Ok(contents) => contents,
            Err(error) => {
                tracing::warn!("certificates stay as they were: {error}");
                return Arc::clone(&self.lock().value);
            }
        };
        let mut held = self.lock();
        if contents != held.contents && contents != held.refused {
            match (self.build)(&contents) {
                Ok(value) => {
                    (held.value, held.contents) = (Arc::new(value), contents);
                    held.refused.clear();
                    tracing::info!("certificates were read again");
                }
                Err(error) => {
                    tracing::warn!("certificates stay as they were: {error}");
                    held.refused = contents;
                }
            }
        }
        Arc::clone(&held.value)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Reloading<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloading").field("paths", &self.paths).finish_non_exhaustive()
    }
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, TlsError> {
    let one = |path: &PathBuf| std::fs::read(path).map_err(|source| TlsError::Read { path: path.clone(), source });
    paths.iter().map(one).collect()
}

pub(super) fn chain(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let broken = |what| TlsError::Content { path: path.to_owned(), what };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|c| !c.is_empty()).ok_or_else(|| broken(Lack::Certificate))
}

pub(super) fn key(path: &Path, pem: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    // The cause is left out: it may quote the file.
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::Content { path: path.to_owned(), what: Lack::Key })
}

pub(super) fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(chain(path, pem)?);
    if added == 0 {
        return Err(TlsError::Content { path: path.to_owned(), what: Lack::Authority });
    }
    Ok(roots)
}

/// The machine's bundle of authorities.
pub(super) fn bundle() -> Result<PathBuf, TlsError> {
    BUNDLES.iter().map(PathBuf::from).find(|path| path.exists()).ok_or(TlsError::NoAuthorities)
}

pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

pub(super) fn unusable(error: impl fmt::Display) -> TlsError {
    TlsError::Unusable(error.to_string())
}
