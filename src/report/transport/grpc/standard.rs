//! Which edition the platform holds, beside ours.

use crate::finding::Text;
use crate::report::transport::Identity;
use crate::wire::smartbrain::v1::GetStandardResponse;

/// What should be looked at, if anything.
pub(super) fn warnings(own: &Identity, theirs: &GetStandardResponse) -> Vec<Text> {
    let (mine, other) = (&*own.edition, theirs.edition.as_str());
    if mine == other {
        if theirs.standard_digest.is_empty() || *theirs.standard_digest == *own.standard_digest {
            return Vec::new();
        }
        return vec![Text::new(
            format!("平台的数据标准 {other} 与本机内容不同，请核对版本勘误"),
            format!("the platform's copy of {other} differs from ours: look for corrections of the edition"),
        )];
    }
    let accepted = theirs.also_accepted_editions.iter().any(|e| e == mine);
    let newer = match (mine.rsplit_once('-'), other.rsplit_once('-')) {
        (Some((level, date)), Some((their_level, their_date))) => level == their_level && their_date > date,
        _ => false,
    };
    vec![match (newer, accepted) {
        (true, true) => Text::new(
            format!("平台已采用较新的数据标准 {other}，仍接受 {mine}"),
            format!("the platform has the newer edition {other}, and still takes {mine}"),
        ),
        (true, false) => Text::new(
            format!("平台已采用较新的数据标准 {other}，不再接受 {mine}"),
            format!("the platform has the newer edition {other}, and takes {mine} no more"),
        ),
        (false, _) => Text::new(
            format!("平台采用数据标准 {other}，本机上报 {mine}"),
            format!("the platform has the edition {other}, this hub reports {mine}"),
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_edition_is_told_from_another_one() {
        let own = Identity {
            school: "".into(),
            instance: "".into(),
            epoch: 1,
            edition: "gaozhi-2024.09".into(),
            standard_digest: "d".into(),
        };
        let said = |edition: &str, also: &[&str]| {
            let also_accepted_editions = also.iter().map(|e| (*e).to_owned()).collect();
            let theirs = GetStandardResponse { edition: edition.into(), also_accepted_editions, ..Default::default() };
            warnings(&own, &theirs).pop().map(|t| t.en).unwrap_or_default()
        };
        assert_eq!(said("gaozhi-2024.09", &[]), "");
        assert!(said("gaozhi-2026.01", &["gaozhi-2024.09"]).contains("still takes"));
        assert!(said("gaozhi-2026.01", &[]).contains("no more"));
        assert!(said("zhongzhi-2026.01", &[]).contains("this hub reports"));
        let other = GetStandardResponse { edition: "gaozhi-2024.09".into(), standard_digest: "e".into(), ..Default::default() };
        assert_eq!(warnings(&own, &other).len(), 1);
    }
}
