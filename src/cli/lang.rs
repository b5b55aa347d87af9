//! The user's language, known before arguments are parsed: help and usage faults need it.

use std::ffi::OsString;

use crate::finding::Lang;

/// `--lang` where it is given, else by `LC_ALL`, `LC_MESSAGES`, `LANG`; Chinese unless these say English.
pub(super) fn choose(args: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let mut args = args.iter().map(|arg| arg.to_string_lossy());
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--lang") {
            Some("") => args.next().map(|v| v.to_string()),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => continue,
        };
        match value.as_deref() {
            Some("en") => return Lang::En,
            Some("zh") => return Lang::Zh,
            _ => {}
        }
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    if locale.is_some_and(|locale| locale.starts_with("en")) { Lang::En } else { Lang::Zh }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_option_goes_before_the_environment() {
        let choose = |args: &[&str], lang: Option<&str>| {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            choose(&args, |name| (name == "LANG").then(|| lang.map(str::to_owned)).flatten())
        };
        assert_eq!(choose(&["xiaoshu"], None), Lang::Zh);
        assert_eq!(choose(&["xiaoshu"], Some("en_GB.UTF-8")), Lang::En);
        assert_eq!(choose(&["xiaoshu"], Some("C.UTF-8")), Lang::Zh);
        assert_eq!(choose(&["xiaoshu", "--lang", "zh"], Some("en_GB")), Lang::Zh);
        assert_eq!(choose(&["xiaoshu", "status", "--lang=en"], Some("zh_CN")), Lang::En);
    }
}
