//! X-Spam-Status and X-Spam-Report, for those who sort mail by them. What a sender has written under these names goes,
//! also where nothing is added. Without the grant `edit` nothing happens.

use postwarden_filter::{EditError, Transaction};

use crate::settings::Settings;
use crate::verdict::{Hit, Verdict};

const STATUS: &str = "X-Spam-Status";
const REPORT: &str = "X-Spam-Report";

pub(crate) fn write(settings: &Settings, transaction: &Transaction, verdict: &Verdict) {
    for name in [STATUS, REPORT] {
        if matches!(transaction.remove_header(name, None), Err(EditError::NotPermitted)) {
            return;
        }
    }
    let test = |hit: &Hit| format!("{}={:.1}", hit.symbol, hit.points);
    let tests: Vec<String> = verdict.hits.iter().map(test).collect();
    // A field that is refused is missed by nobody who decides.
    let _ = transaction.add_header(STATUS, &format!("score={:.1} tests={}", verdict.sum(), tests.join(", ")));
    if settings.report {
        let lines: Vec<String> = verdict.hits.iter().map(line).collect();
        let _ = transaction.add_header(REPORT, &lines.join("; "));
    }
}

fn line(hit: &Hit) -> String {
    let detail = hit.detail.as_deref().map(|detail| format!(" ({})", printable(detail))).unwrap_or_default();
    format!("{:.1} {} {}{detail}", hit.points, hit.symbol, hit.meaning)
}

/// Details quote the message.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect()
}
