//! Faults of settings and mappings, and `check`.

use std::path::Path;

use super::line;
use crate::app::{CheckAnswer, CheckStep, Target};
use crate::cli::Output;
use crate::cli::width::clean;
use crate::config::Fault;
use crate::finding::Lang;

/// All faults, each as `file:line:column: what` with its remedy below.
pub(in crate::cli) fn faults(output: Output, faults: &[Fault]) -> String {
    let mut out = String::new();
    for fault in faults {
        line(&mut out, format!("{}: {}", place(fault), clean(output.text(&fault.what))));
        line(&mut out, format!("    {} {}", output.say("解决办法：", "fix:"), clean(output.text(&fault.remedy))));
    }
    line(
        &mut out,
        match output.lang {
            Lang::Zh => format!("共 {} 个问题。", faults.len()),
            Lang::En => format!("{} fault(s).", faults.len()),
        },
    );
    out
}

fn place(fault: &Fault) -> String {
    let file = short(&fault.file);
    if fault.line == 0 { file } else { format!("{file}:{}:{}", fault.line, fault.column) }
}

/// Paths below the working folder are shown from there, as compilers do.
fn short(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let inner = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    inner.unwrap_or(path).display().to_string()
}

/// What the check found.
pub(in crate::cli) fn check(output: Output, answer: &CheckAnswer) -> String {
    let mut out = String::new();
    if !answer.faults.is_empty() {
        out.push_str(&faults(output, &answer.faults));
    }
    let mut target: Option<&Target> = None;
    for step in &answer.steps {
        if target != Some(&step.target) {
            line(&mut out, heading(output, &step.target));
            target = Some(&step.target);
        }
        one_step(output, step, &mut out);
    }
    let bad = answer.steps.iter().filter(|step| step.ok == Some(false)).count();
    let (mapped, all) = answer.mapped;
    line(
        &mut out,
        match output.lang {
            Lang::Zh => format!("已映射 {mapped} / {all} 张表；{} 个问题。", answer.faults.len() + bad),
            Lang::En => format!("{mapped} of {all} tables are mapped; {} problem(s).", answer.faults.len() + bad),
        },
    );
    out
}

fn heading(output: Output, target: &Target) -> String {
    match target {
        Target::Source(name) => format!("{} {name}", output.say("数据来源", "source")),
        Target::Upstream(name) => format!("{} {name}", output.say("上报通道", "upstream")),
        Target::Mapping(name) => format!("{} {name}", output.say("映射", "mapping")),
        Target::Hub => output.say("本机", "this hub").to_owned(),
    }
}

fn one_step(output: Output, step: &CheckStep, out: &mut String) {
    let mark = match step.ok {
        Some(true) => output.say("正常", "ok  "),
        Some(false) => output.say("问题", "BAD "),
        None => output.say("提示", "note"),
    };
    line(out, format!("  {mark}  {}: {}", output.text(&step.what), clean(output.text(&step.found))));
    if let Some(remedy) = &step.remedy {
        line(out, format!("        {} {}", output.say("解决办法：", "fix:"), clean(output.text(remedy))));
    }
}
