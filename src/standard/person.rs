//! What the documents say about the people of a table, and about texts that are numbers of a known kind.

use std::sync::Arc;

use super::FieldIdx;

/// The fields of a row that tell about the person it is about: they must agree with one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonPlan {
    /// The number of the identity paper.
    pub number: FieldIdx,
    /// The kind of paper.
    pub paper: Option<FieldIdx>,
    /// What the codes of the kind of paper mean; a code that is not named may be any paper.
    pub papers: Box<[(Arc<str>, Paper)]>,
    /// The sex.
    pub sex: Option<FieldIdx>,
    /// The date of birth.
    pub birth: Option<FieldIdx>,
    /// The least and the greatest age, in whole years, that nobody wonders at.
    pub ages: Option<(u8, u8)>,
}

impl PersonPlan {
    /// What a code of the kind of paper means.
    pub fn paper_of(&self, code: &str) -> Option<Paper> {
        self.papers.iter().find(|(known, _)| **known == *code).map(|(_, paper)| *paper)
    }
}

/// A kind of identity paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Paper {
    /// 居民身份证: a number with a check character.
    Resident,
    /// 护照, of any country.
    Passport,
    /// 香港、澳门特区护照/身份证明, 港澳居民来往内地通行证, 居住证.
    HongKongMacao,
    /// 台湾居民来往大陆通行证, 居住证.
    Taiwan,
    /// 外国人永久居留身份证.
    ForeignPermanent,
    /// Papers of the forces; their numbers are free text.
    Military,
    /// 户口簿: mostly the resident identity number of the person.
    Household,
    /// Any other paper.
    Other,
}

impl Paper {
    const NAMES: [(&'static str, Self); 8] = [
        ("resident", Self::Resident),
        ("passport", Self::Passport),
        ("hong_kong_macao", Self::HongKongMacao),
        ("taiwan", Self::Taiwan),
        ("foreign_permanent", Self::ForeignPermanent),
        ("military", Self::Military),
        ("household", Self::Household),
        ("other", Self::Other),
    ];

    /// A kind by the name that the documents use.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, p)| *p)
    }
}

/// What kind of number a free text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumberKind {
    /// A mobile telephone number.
    Mobile,
    /// Any telephone number.
    Telephone,
    /// An organisation code of nine characters, or the unified social credit code that replaced it.
    Organisation,
}

impl NumberKind {
    const NAMES: [(&'static str, Self); 3] =
        [("mobile", Self::Mobile), ("telephone", Self::Telephone), ("organisation", Self::Organisation)];

    /// A kind by the name that the documents use.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(n, _)| *n == name).map(|(_, k)| *k)
    }
}
