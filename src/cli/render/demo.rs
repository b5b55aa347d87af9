//! `demo` and `run --once`.

use super::{counts, line};
use crate::app::{Compared, DemoAnswer, RunAnswer};
use crate::cli::Output;
use crate::cli::width::{Side, TextTable};

/// The demo's numbers, and whether they are the generator's.
pub(in crate::cli) fn demo(output: Output, answer: &DemoAnswer) -> String {
    let mut out = String::new();
    counts::sections(output, &answer.domains, &mut out);
    counts::causes(output, &answer.causes, &mut out);
    counts::refusals(output, &answer.refusals, &mut out);
    line(&mut out, "");
    compared(output, &answer.compared, &mut out);
    counts::imbalances(output, &answer.imbalances, &mut out);
    let seconds = answer.millis as f64 / 1000.0;
    let sent = answer.sent;
    line(
        &mut out,
        match (answer.first, sent) {
            (true, _) => output.say("首次运行：全部记录已上报。", "First run: everything was reported.").to_owned(),
            (false, 0) => output.say("数据没有变化，本次没有上报任何记录。", "Nothing changed, nothing was sent.").to_owned(),
            (false, _) => format!("{} {sent}", output.say("本次上报的记录：", "Records sent in this run:")),
        },
    );
    line(&mut out, format!("{} {}  {seconds:.1} s", output.say("数据目录", "State in"), answer.data.display()));
    out
}

fn compared(output: Output, compared: &[Compared], out: &mut String) {
    let wrong: Vec<&Compared> = compared.iter().filter(|c| !c.agrees()).collect();
    if wrong.is_empty() {
        let count = compared.len();
        line(
            out,
            match output.lang {
                crate::finding::Lang::Zh => format!("{count} 个数字全部与示例数据的已知结果一致。"),
                crate::finding::Lang::En => {
                    format!("All {count} numbers are those that the sample's generator knows to be right.")
                }
            },
        );
        return;
    }
    let mut text = TextTable::new(&[
        (output.say("与已知结果不符", "differs from the known result"), Side::Left),
        (output.say("应为", "expected"), Side::Right),
        (output.say("实为", "found"), Side::Right),
    ]);
    for row in wrong {
        text.row([output.text(&row.what), &row.expected.to_string(), &row.found.to_string()]);
    }
    out.push_str(&text.render());
}

/// What a run did.
pub(in crate::cli) fn run(output: Output, answer: &RunAnswer) -> String {
    let mut out = String::new();
    let stopped: Vec<_> = answer.runs.iter().filter_map(|run| Some((run, run.error.as_ref()?))).collect();
    counts::sections(output, &answer.domains, &mut out);
    line(&mut out, "");
    for (run, error) in stopped {
        let what = output.say("没有读完", "was not read to the end");
        line(&mut out, format!("{} → {} {what}: {error}", run.source, run.table));
    }
    for left in &answer.left {
        let table = left.table.as_deref().map(|table| format!(" ← {table}")).unwrap_or_default();
        let what = output.say("没有报完", "was not reported to the end");
        line(&mut out, format!("{}{table} {what}: {}", left.upstream, output.text(&left.why)));
    }
    counts::imbalances(output, &answer.imbalances, &mut out);
    out
}
