//! What an edition says about itself.

use serde::{Deserialize, Serialize};

use super::EditionId;

/// `edition.json` of one edition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditionInfo {
    /// Where the meaning of this file is written down.
    #[serde(rename = "$schema")]
    pub schema: String,
    /// The folder name, `gaozhi-2024.09`.
    pub id: EditionId,
    /// Editions of one level share table names and natural keys: `gaozhi`, `zhongzhi`, `core`.
    pub level: String,
    /// Title as printed.
    pub title_zh: String,
    /// Our English title.
    pub title_en: String,
    /// `YYYY-MM` of the print.
    pub dated: String,
    /// Printed version, empty where none.
    pub version: String,
    /// Who issued it.
    pub issuer: String,
    /// How points in time are written: with a blank between date and time, or without.
    pub date_time: DateTimeStyle,
    /// What joins several codes in one cell.
    pub separator: String,
    /// When data of a term are collected, where the text says it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// The tables in printed order.
    pub tables: Vec<String>,
}

/// How an edition writes points in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DateTimeStyle {
    /// 15 characters, one blank.
    #[serde(rename = "YYYYMMDD hhmmss")]
    Blank,
    /// 14 characters.
    #[serde(rename = "YYYYMMDDhhmmss")]
    Plain,
}

/// The days between which data of a term are collected, both included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// `spring` or `autumn`.
    pub term: String,
    /// `MM-DD`.
    pub from: String,
    /// `MM-DD`; before `from` when it lies in the next year.
    pub to: String,
}
