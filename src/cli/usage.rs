//! Faults of the command line, and help, in the user's language.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Exit;
use crate::finding::Lang;

/// Prints help, the version, or what is wrong with the command line.
pub(super) fn print(error: &Error, lang: Lang) -> Exit {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // A closed terminal changes nothing about the exit code.
    if asked {
        drop(error.print());
        return Exit::Ok;
    }
    match (lang, chinese(error)) {
        (Lang::Zh, Some(text)) => {
            drop(std::io::Write::write_all(&mut std::io::stderr(), format!("{text}\n用 --help 查看用法。\n").as_bytes()));
        }
        _ => drop(error.print()),
    }
    Exit::Usage
}

/// The fault in Chinese; `None` for kinds that show help or have no short text.
fn chinese(error: &Error) -> Option<String> {
    let part = |kind| error.get(kind).map(words).unwrap_or_default();
    let arg = part(ContextKind::InvalidArg);
    let value = part(ContextKind::InvalidValue);
    let near = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| error.get(kind).map(words))
        .map(|near| format!("，是否应为 {near}？"))
        .unwrap_or_default();
    Some(match error.kind() {
        ErrorKind::UnknownArgument => format!("没有选项 {arg}{near}"),
        ErrorKind::InvalidSubcommand => format!("没有命令 {}{near}", part(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg} 需要一个值"),
        ErrorKind::InvalidValue => format!("{arg} 的值 {value} 无效，可以是：{}", part(ContextKind::ValidValue)),
        ErrorKind::ValueValidation => format!("{arg} 的值 {value} 无效"),
        ErrorKind::MissingRequiredArgument => format!("缺少 {arg}"),
        ErrorKind::ArgumentConflict => format!("{arg} 不能重复或与其他选项同用"),
        _ => return None,
    })
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join("、"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::help;

    fn fault(args: &[&str]) -> String {
        let error = help::command(Lang::Zh).try_get_matches_from(args).expect_err("a fault");
        chinese(&error).expect("a Chinese text")
    }

    #[test]
    fn faults_of_the_command_line_are_told_in_chinese() {
        assert_eq!(fault(&["xiaoshu", "statsu"]), "没有命令 statsu，是否应为 status？");
        assert_eq!(fault(&["xiaoshu", "status", "--jsno"]), "没有选项 --jsno，是否应为 --json？");
        assert_eq!(fault(&["xiaoshu", "try"]), "缺少 <TABLE>");
        assert!(fault(&["xiaoshu", "run", "--only", "sned"]).contains("collect、report、serve"));
        assert!(fault(&["xiaoshu", "try", "T", "--rows", "five"]).contains("five"));
    }
}
