//! What reply texts mean, by `schemas/platform/replies.toml`.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::fault::FaultClass;
use crate::finding::Text;
use crate::report::transport::Reach;

/// The meaning of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyMeaning {
    /// The class that recovery goes by.
    pub class: FaultClass,
    /// How far it reaches.
    pub reach: Reach,
    /// Whether a new login may cure it.
    pub login: bool,
    /// Whether the rows may have been taken all the same: the platform failed, perhaps after its work was done.
    pub lost: bool,
    /// False when no entry fits.
    pub known: bool,
    /// In words, with the platform's own text.
    pub text: Text,
}

/// The data file, read.
#[derive(Debug, Default)]
pub struct Replies {
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
struct File {
    reply: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[allow(dead_code, reason = "names the entry for readers of the file; nothing is decided by it")]
    name: String,
    contains: Vec<String>,
    #[serde(default)]
    codes: Vec<String>,
    /// The entry fits replies to this call only.
    call: Option<Call>,
    class: Class,
    reach: Reach,
    #[serde(default)]
    login: bool,
    #[serde(default)]
    lost: bool,
    zh: String,
    en: String,
}

/// What a reply answers: the same words mean another setting at the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The key, the token, its renewal.
    Login,
    /// Rows and results.
    Data,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Class {
    Transient,
    Throttled,
    Credentials,
    Configuration,
    Data,
    Bug,
}

impl From<Class> for FaultClass {
    fn from(class: Class) -> Self {
        match class {
            Class::Transient => Self::Transient,
            Class::Throttled => Self::Throttled,
            Class::Credentials => Self::Credentials,
            Class::Configuration => Self::Configuration,
            Class::Data => Self::Data,
            Class::Bug => Self::Bug,
        }
    }
}

impl Replies {
    /// Reads a data file.
    ///
    /// # Errors
    /// What the reader says; texts of the file are not secret.
    pub fn parse(toml: &str) -> Result<Self, String> {
        let mut file: File = toml_edit::de::from_str(toml).map_err(|error| error.to_string())?;
        for entry in &mut file.reply {
            for text in &mut entry.contains {
                *text = fold(text);
            }
        }
        Ok(Self { entries: file.reply })
    }

    /// The file in the binary. A test reads it; should it not parse, no text is known.
    pub fn embedded() -> &'static Self {
        static REPLIES: OnceLock<Replies> = OnceLock::new();
        REPLIES.get_or_init(|| Self::parse(include_str!("../../../../schemas/platform/replies.toml")).unwrap_or_default())
    }

    /// What a reply means. A text that no entry knows is a matter of configuration of that table: it is shown, the
    /// table rests and is tried again, and nothing is concluded about its rows.
    pub fn meaning(&self, call: Call, code: &str, message: &str) -> ReplyMeaning {
        let folded = fold(message);
        let shown: String = message.chars().take(200).collect();
        let fits = |e: &&Entry| {
            e.call.is_none_or(|of| of == call)
                && (e.codes.is_empty() || e.codes.iter().any(|c| c == code))
                && e.contains.iter().any(|t| folded.contains(t.as_str()))
        };
        if let Some(entry) = self.entries.iter().find(fits) {
            return ReplyMeaning {
                class: entry.class.into(),
                reach: entry.reach,
                login: entry.login,
                lost: entry.lost,
                known: true,
                text: Text::new(
                    format!("{}（平台应答 {code}：{shown}）", entry.zh),
                    format!("{} (platform's answer {code}: {shown})", entry.en),
                ),
            };
        }
        let (class, login, reach) = match code {
            "401" => (FaultClass::Credentials, true, Reach::Upstream),
            "403" => (FaultClass::Configuration, false, Reach::Upstream),
            "429" => (FaultClass::Throttled, false, Reach::Upstream),
            "500" | "502" | "503" | "504" => (FaultClass::Transient, false, Reach::Upstream),
            _ => (FaultClass::Configuration, false, Reach::Table),
        };
        let text = Text::new(format!("平台应答 {code}：{shown}"), format!("platform's answer {code}: {shown}"));
        ReplyMeaning { class, reach, login, lost: class == FaultClass::Transient, known: login, text }
    }
}

fn fold(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_errors_are_classed() {
        let replies = Replies::parse(include_str!("../../../../schemas/platform/replies.toml")).unwrap();
        let cases = [
            ("app_key缺失或未授权", FaultClass::Configuration, Reach::Upstream, false),
            ("sign 不一致", FaultClass::Configuration, Reach::Upstream, false),
            ("timestamps 误差超过30秒", FaultClass::Configuration, Reach::Upstream, false),
            ("IP 不在白名单内", FaultClass::Configuration, Reach::Upstream, false),
            ("token已过期，请重新登录", FaultClass::Credentials, Reach::Upstream, true),
            ("用户名或密码错误", FaultClass::Credentials, Reach::Upstream, false),
            ("系统繁忙", FaultClass::Transient, Reach::Upstream, false),
            ("数据对象不存在", FaultClass::Configuration, Reach::Table, false),
            ("数据校验失败", FaultClass::Data, Reach::Batch, false),
        ];
        for (text, class, reach, login) in cases {
            let meaning = replies.meaning(Call::Data, "500", text);
            assert_eq!((meaning.class, meaning.reach, meaning.login, meaning.known), (class, reach, login, true), "{text}");
        }
    }

    #[test]
    fn an_unknown_path_names_the_settings_to_check() {
        let meaning = Replies::embedded().meaning(Call::Data, "404", "page not found");
        assert_eq!((meaning.class, meaning.reach, meaning.known), (FaultClass::Configuration, Reach::Upstream, true));
        assert!(meaning.text.en.contains("prefix"), "{}", meaning.text.en);
    }

    #[test]
    fn a_login_that_cannot_be_deciphered_is_about_the_rsa_key_and_rows_about_the_sm4_key() {
        for text in ["解密失败", "cipherText解密失败", "解密失败，请检查登录参数", "RSA 解密异常", "Decrypt error"]
        {
            let login = Replies::embedded().meaning(Call::Login, "500", text);
            assert_eq!((login.class, login.reach, login.login), (FaultClass::Configuration, Reach::Upstream, false), "{text}");
            for words in [&login.text.zh, &login.text.en] {
                let named = ["login.rsa_key", "login.padding", "seal.app_key"].iter().all(|setting| words.contains(setting));
                assert!(named && !words.contains("seal.key_cut"), "{words}");
            }
            let data = Replies::embedded().meaning(Call::Data, "500", text);
            assert!(data.text.en.contains("seal.key_cut") && !data.text.en.contains("login.padding"), "{text}");
        }
    }

    #[test]
    fn an_unknown_text_concludes_nothing() {
        let meaning = Replies::embedded().meaning(Call::Data, "777", "？？");
        assert_eq!((meaning.class, meaning.known), (FaultClass::Configuration, false));
        assert!(!Replies::embedded().meaning(Call::Data, "500", "？？").known);
    }
}
