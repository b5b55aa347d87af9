//! Who calls: token, certificate, address.

use sha2::{Digest, Sha256};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Status};

use crate::brain::config::Account;
use crate::brain::platform::Platform;
use crate::wire::tls::Peer;

/// The account that a call's token names, where certificate and address agree.
pub(super) fn account(platform: &Platform, metadata: &MetadataMap, extensions: &Extensions) -> Result<(usize, Peer), Status> {
    let peer = extensions.get::<Peer>().cloned().ok_or_else(|| Status::internal("the connection is not known"))?;
    let header = metadata.get("authorization").and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(|| Status::unauthenticated("no token"))?;
    // Digests are compared, so that the time it takes tells nothing of the token.
    let given = Sha256::digest(token.trim());
    let good = |account: &Account| {
        let own = account.token().expose();
        !own.is_empty() && Sha256::digest(own) == given
    };
    let found = platform.accounts.list().iter().position(good).ok_or_else(|| Status::unauthenticated("unknown token"))?;
    let account = platform.accounts.get(found);
    let address = peer.address().ip().to_canonical();
    if !account.white_list.is_empty() && !account.white_list.iter().any(|listed| listed.to_canonical() == address) {
        return Err(Status::permission_denied("the address is not on the white-list"));
    }
    if account.certificate.as_deref().is_some_and(|name| !peer.is_named(name)) {
        return Err(Status::permission_denied("the certificate does not name this account"));
    }
    Ok((found, peer))
}

/// A school code in a message must be the account's own.
pub(super) fn school<'a>(account: &'a Account, stated: &str) -> Result<&'a str, Status> {
    if !account.school_code.is_empty() && stated != account.school_code {
        return Err(Status::permission_denied("the school code is not the one of this account"));
    }
    Ok(account.school())
}
