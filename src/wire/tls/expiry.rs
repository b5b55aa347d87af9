//! Certificates that are about to expire: told while there is time to have new ones made.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::finding::Text;

/// A certificate is spoken of so long before its end: letters to an authority take their time.
const AHEAD: i64 = 30 * DAY;
const DAY: i64 = 86_400_000;
/// Files are looked at this often.
const EVERY: i64 = 3_600_000;

/// Looks after the end of certificates in files.
#[derive(Debug)]
pub struct Expiry {
    files: Vec<PathBuf>,
    /// When the files were looked at, and the earliest end in each.
    seen: Mutex<Option<(i64, Vec<Option<i64>>)>>,
}

impl Expiry {
    /// Of these PEM files; each may hold a chain.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().collect(), seen: Mutex::default() }
    }

    /// What should be said at `now` (milliseconds since 1970 UTC). The files are read again once an hour; one that cannot be
    /// read says nothing here, for whoever uses it complains.
    pub fn warnings(&self, now: i64) -> Vec<Text> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.as_ref().is_none_or(|(at, _)| now < *at || now - at >= EVERY) {
            *seen = Some((now, self.files.iter().map(|file| std::fs::read(file).ok().and_then(|pem| end(&pem))).collect()));
        }
        let ends = seen.as_ref().map(|(_, ends)| ends.as_slice()).unwrap_or_default();
        let late = self.files.iter().zip(ends).filter_map(|(file, end)| Some((file, (*end)?)));
        late.filter(|(_, end)| end - now < AHEAD).map(|(file, end)| text(&file.display().to_string(), end, now)).collect()
    }
}

/// When the first certificate of a chain ends.
fn end(pem: &[u8]) -> Option<i64> {
    let ends = CertificateDer::pem_slice_iter(pem).filter_map(|der| {
        let certificate = Certificate::from_der(der.ok()?.as_ref()).ok()?;
        let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
        i64::try_from(end.as_millis()).ok()
    });
    ends.min()
}

fn text(file: &str, end: i64, now: i64) -> Text {
    let stamp = jiff::Timestamp::from_millisecond(end).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let day = stamp.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::Offset::constant(8))).date();
    if end <= now {
        return Text::new(
            format!("证书 {file} 已于 {day} 到期，连接会被拒绝：换上新证书（同名文件），无需重启"),
            format!(
                "the certificate {file} expired on {day}, connections will be refused: put a new one in its place, no restart is \
                 needed"
            ),
        );
    }
    Text::new(
        format!("证书 {file} 将于 {day} 到期：请在此之前换上新证书（同名文件），无需重启"),
        format!("the certificate {file} expires on {day}: put a new one in its place before, no restart is needed"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_spoken_of_a_month_before_its_end_and_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cert.pem");
        let mut params = rcgen::CertificateParams::new(vec!["hub.test".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 5, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        let at = |day: &str| day.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let expiry = Expiry::new([file.clone(), dir.path().join("none.pem")]);
        assert_eq!(expiry.warnings(at("2030-04-30T00:00:00Z")), []);
        let soon = expiry.warnings(at("2030-05-02T00:00:00Z"));
        assert_eq!(soon.len(), 1);
        assert!(soon[0].en.contains("expires on 2030-05-31"), "{}", soon[0].en);
        let over = expiry.warnings(at("2030-05-31T00:00:01Z"));
        assert!(over[0].zh.contains("已于 2030-05-31 到期"), "{}", over[0].zh);
        params.not_after = rcgen::date_time_ymd(2031, 5, 31);
        std::fs::write(&file, params.self_signed(&key).unwrap().pem()).unwrap();
        assert_eq!(expiry.warnings(at("2030-05-31T00:30:00Z")).len(), 1, "looked at once an hour");
        assert_eq!(expiry.warnings(at("2030-05-31T01:00:01Z")), [], "the new one is seen");
    }
}
