//! Help in the user's language.
//!
//! The English texts are the doc comments of `args.rs`. Chinese ones stand here, by the path of the command or option;
//! a test demands one for each.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::args::Cli;
use crate::finding::Lang;

/// The whole command line, with help in one language.
pub fn command(lang: Lang) -> Command {
    localize(Cli::command(), "", lang)
}

fn localize(command: Command, path: &str, lang: Lang) -> Command {
    let nested: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let has_values = command.get_positionals().next().is_some();
    let mut command = command
        .arg(Arg::new("help").short('h').long("help").action(ArgAction::Help).help(help_text(lang)))
        .disable_help_flag(true)
        .help_template(template(lang, !nested.is_empty(), has_values));
    if path.is_empty() {
        let version = Arg::new("version").short('V').long("version").action(ArgAction::Version).help(version_text(lang));
        command = command.arg(version).disable_version_flag(true);
    }
    if lang == Lang::Zh {
        command = chinese(command, path);
    }
    for name in nested {
        let inner = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        command = command.mut_subcommand(name, |sub| localize(sub, &inner, lang));
    }
    command
}

fn chinese(command: Command, path: &str) -> Command {
    let about = text(path).unwrap_or_default();
    let args: Vec<String> = command.get_arguments().map(|a| a.get_id().to_string()).collect();
    let mut command = command.about(about).long_about(None::<&str>);
    for id in args {
        let key = format!("{path} --{id}");
        if let Some(zh) = text(key.trim_start()).or_else(|| text(&format!("--{id}"))) {
            command = command.mut_arg(id, |arg| {
                let takes_value = arg.get_action().takes_values();
                let arg = arg.help(zh);
                if takes_value { arg.hide_possible_values(true).hide_default_value(true) } else { arg }
            });
        }
    }
    command
}

fn template(lang: Lang, commands: bool, values: bool) -> String {
    let (usage, cmds, args, options) = match lang {
        Lang::Zh => ("用法：", "命令：", "参数：", "选项："),
        Lang::En => ("Usage: ", "Commands:", "Arguments:", "Options:"),
    };
    let mut out = format!("{{about}}\n\n{usage}{{usage}}\n\n");
    if commands {
        out.push_str(&format!("{cmds}\n{{subcommands}}\n\n"));
    }
    if values {
        out.push_str(&format!("{args}\n{{positionals}}\n\n"));
    }
    out.push_str(&format!("{options}\n{{options}}\n{{after-help}}"));
    out
}

fn help_text(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "显示帮助",
        Lang::En => "Print help",
    }
}

fn version_text(lang: Lang) -> &'static str {
    match lang {
        Lang::Zh => "显示版本",
        Lang::En => "Print version",
    }
}

/// The Chinese text of a command (`standard show`) or option (`standard show --schema`, or `--json` wherever it stands).
fn text(path: &str) -> Option<&'static str> {
    CHINESE.iter().find(|(key, _)| *key == path).map(|(_, zh)| *zh)
}

const CHINESE: &[(&str, &str)] = &[
    ("", "校枢：职业院校数据中枢"),
    ("--settings", "设置文件 [默认：xiaoshu.toml]"),
    ("--data", "存储目录，代替设置文件中的目录"),
    ("--schemas", "代替内置数据标准的目录"),
    ("--json", "输出 JSON，供脚本读取"),
    ("--lang", "语言：zh 或 en"),
    ("--help", "显示帮助"),
    ("--version", "显示版本"),
    ("--table", "只看一张表"),
    ("--source", "只看一个数据来源"),
    ("--rule", "只看违反此规则的行"),
    ("demo", "用示例学校和内置中央平台完整演示一遍"),
    ("demo --once", "全部结果返回后结束"),
    ("demo --upstream", "上报通道"),
    ("demo --brokers", "Kafka 代理地址，配合 --upstream kafka"),
    ("check", "查出设置、映射、数据来源和上报通道的全部问题"),
    ("check --connect", "同时连接数据来源"),
    ("check --upstream", "同时连接上级平台"),
    ("try", "试看一张表的若干行：采集前、转换后、校验结果；不入库、不上报"),
    ("try --table", "标准中的表名"),
    ("try --source", "数据来源（一张表有多个来源时）"),
    ("try --rows", "行数 [默认：5]"),
    ("run", "采集并上报，直到停止"),
    ("run --only", "只运行这些部分，以逗号分隔：collect（采集）、report（上报）、serve（gRPC 接口）"),
    ("run --once", "全部读一遍，上报到结果齐全后结束"),
    ("run --restored", "存储是从备份恢复的"),
    ("status", "每张表的现状"),
    ("init", "查看一个数据来源，提出映射建议"),
    ("init --source", "设置中的来源；省略时取唯一的来源"),
    ("init --kind", "尚无设置时：来源的种类"),
    ("init --file", "尚无设置时：来源的文件或目录"),
    ("init --url", "尚无设置时：来源的服务器，mysql://用户@主机:端口/数据库，或同样写法的 postgres"),
    ("init --edition", "尚无设置时：数据标准的版本"),
    ("init --to", "写映射文件的目录，代替设置中的目录"),
    ("init --force", "覆盖已有的映射文件"),
    ("init --show", "只显示建议，不写文件"),
    ("standard", "数据标准"),
    ("standard list", "列出各版本"),
    ("standard show", "查看一个版本、一张表或一个代码集"),
    ("standard show --edition", "版本；省略时取设置中的版本"),
    ("standard show --name", "表名或代码集；省略时列出全部表"),
    ("standard show --schema", "输出该表的 JSON Schema（代码集展开）"),
    ("standard diff", "比较两个版本"),
    ("standard diff --old", "旧版本"),
    ("standard diff --new", "新版本"),
    ("standard import", "由表、字段、代码的 CSV 生成一个版本的文件"),
    ("standard import --from", "含 tables.csv、fields.csv、codes.csv、code_sets.csv 的目录"),
    ("standard import --to", "写入的目录（schemas）"),
    ("standard import --edition", "版本名；省略时取来源目录名"),
    ("quarantine", "有问题而被隔离等待的行"),
    ("quarantine list", "按原因统计；给出条件时列出各行"),
    ("quarantine list --limit", "最多列出的行数，0 表示全部 [默认：50]"),
    ("quarantine show", "查看一行：原始内容和全部问题"),
    ("quarantine show --id", "行号"),
    ("quarantine retry", "立即重新处理，并重新上报被退回的记录"),
    ("quarantine retry --id", "一行的行号"),
    ("quarantine export", "导出为 CSV，交给负责部门更正"),
    ("quarantine export --to", "写入的文件"),
    ("release", "查看各表对上级平台的开放程度，或进一步开放"),
    ("release --table", "表名；all 表示全部"),
    ("release --upstream", "只针对一个上报通道"),
    ("release --to", "开放到：next（下一级）、closed（关闭）、canary（20 行）、limited（1000 行）、open（全部）"),
    ("resend", "把已入库的记录重新上报"),
    ("resend --table", "标准中的表名"),
    ("resend --all", "全部已映射的表"),
    ("resend --upstream", "只针对一个上报通道"),
    ("rekey", "自然主键改变后，允许该表继续"),
    ("rekey --table", "标准中的表名"),
    ("rekey --approve", "执行；否则只列出会遗留在平台上的记录"),
    ("approve", "查看等待批准的删除，或批准一张表的删除"),
    ("approve --table", "标准中的表名"),
    ("approve --list", "批准该表的名单：填显示名单时给出的代号"),
    ("gone", "查看来源中已消失而平台上仍有的记录，生成撤回函，或标记为已撤回"),
    ("gone --table", "标准中的表名"),
    ("gone --upstream", "只针对一个上报通道"),
    ("gone --keys", "只针对这些记录主键，以逗号分隔"),
    ("gone --csv", "把名单写入此文件（CSV）"),
    ("gone --letter", "把请求撤回的函写入此文件（HTML，可打印）"),
    ("gone --withdrawn", "标记为平台上已撤回，并注明经办人或函号"),
    ("drift", "来源结构变化，以及因此暂停采集的表"),
    ("drift list", "列出暂停的表和处理办法，以及不影响采集的变化"),
    ("drift accept", "确认含义未变，按来源现在的样子继续采集"),
    ("drift accept --table", "暂停的表"),
    ("drift accept --source", "因哪个数据来源而暂停"),
    ("conflicts", "列出合并的表中，各来源对同一条记录说法不同之处"),
    ("conflicts --table", "标准中的表名"),
    ("takeover", "由一个来源接管另一来源在一张表中的记录"),
    ("takeover --table", "标准中的表名"),
    ("takeover --from", "现在持有记录的来源"),
    ("takeover --to", "接管的来源：它提供的记录由它持有"),
    ("takeover --yes", "执行；否则只列出将移交的内容"),
    ("request", "生成发给业务系统维护单位的函件：公函、列清单、视图和授权语句"),
    ("request --system", "设置中的数据源，或尚未配置的系统的名称"),
    ("request --tables", "标准中的表；省略时取该数据源已映射的表"),
    ("request --way", "提供方式：oracle、sqlserver、mysql、postgres、dameng（达梦）、kingbase（人大金仓）或 files（文件）"),
    ("request --title", "函中系统的名称"),
    ("request --account", "为校枢开设的数据库账号 [默认：xiaoshu_ro]"),
    ("request --host", "校枢连接时的来源地址"),
    ("request --to", "写入的目录；省略时为 request-系统名"),
    ("brain", "运行参考中央平台"),
    ("brain --listen", "监听地址；不写则用其设置文件中的 listen，没有设置文件时为 127.0.0.1:8686"),
    ("brain --config", "平台自己的设置：账号、白名单、延迟、模拟故障"),
    ("brain --edition", "接收哪个版本的表"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(command: &Command, path: &str, out: &mut Vec<String>) {
        if text(path).is_none() {
            out.push(path.to_owned());
        }
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            let key = format!("{path} --{id}");
            if text(key.trim_start()).or_else(|| text(&format!("--{id}"))).is_none() {
                out.push(key);
            }
        }
        for sub in command.get_subcommands() {
            let inner = format!("{path} {}", sub.get_name());
            missing(sub, inner.trim_start(), out);
        }
    }

    #[test]
    fn every_command_and_option_has_a_chinese_text() {
        let mut out = Vec::new();
        missing(&Cli::command(), "", &mut out);
        assert_eq!(out, Vec::<String>::new());
    }

    #[test]
    fn help_speaks_one_language() {
        let zh = command(Lang::Zh).render_help().to_string();
        assert!(zh.contains("用法：") && zh.contains("命令：") && zh.contains("隔离"), "{zh}");
        assert!(!zh.contains("Commands") && !zh.contains("[possible"), "{zh}");
        let en = command(Lang::En).render_help().to_string();
        assert!(en.contains("Usage: ") && en.contains("Commands:"), "{en}");
        assert!(en.is_ascii(), "{en}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        command(Lang::En).debug_assert();
        command(Lang::Zh).debug_assert();
    }
}
