//! `/metrics`: what monitoring reads, as OpenMetrics text. Reads the counters of the server's parts; keeps none itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::operation::{Kind, Refused};
use crate::filters::stats::Totals;
use crate::node::Node;

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The whole page.
pub(super) async fn page(node: &Node) -> Result<String, Refused> {
    let (messages, recipients) = node.store.count().await?;
    let filters = node.filters.all().iter().map(|slot| (slot.name.clone(), slot.stats.totals())).collect();
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page {
        uptime: node.started.elapsed().as_secs(),
        messages,
        recipients,
        rows: node.decisions.tally.rows(),
        outcomes_dropped: node.chain.outcomes_dropped.load(Ordering::Relaxed),
        send_limits: node.decisions.send_limits.load(Ordering::Relaxed),
        filters,
    }));
    let mut page = String::new();
    text::encode(&mut page, &registry).map_err(|error| Refused::new(Kind::Unavailable, error.to_string()))?;
    Ok(page)
}

#[derive(Debug, Default)]
struct Page {
    /// Seconds.
    uptime: u64,
    messages: u64,
    recipients: u64,
    rows: Vec<(&'static str, u64)>,
    outcomes_dropped: u64,
    send_limits: u64,
    filters: Vec<(String, Totals)>,
}

impl Collector for Page {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Writer(encoder);
        page.gauge("postwarden_uptime_seconds", "Since the server started", self.uptime)?;
        page.gauge("postwarden_queue_messages", "Messages in the queue", self.messages)?;
        page.gauge("postwarden_queue_recipients", "Recipients in the queue", self.recipients)?;
        let rows = self.rows.iter().map(|(row, count)| (vec![("row", (*row).to_owned())], *count));
        page.counters("postwarden_answers", "What was answered to MAIL, RCPT and messages, by row", rows)?;
        let dropped = std::iter::once((Vec::new(), self.outcomes_dropped));
        page.counters("postwarden_outcomes_dropped", "Outcomes that no filter was told, for lack of time", dropped)?;
        let limits = std::iter::once((Vec::new(), self.send_limits));
        page.counters("postwarden_send_limits_exceeded", "Mail beyond a send limit, refused or held", limits)?;
        self.filters(&mut page)
    }
}

impl Page {
    fn filters(&self, page: &mut Writer<'_>) -> fmt::Result {
        let each =
            |of: fn(&Totals) -> u64| self.filters.iter().map(move |(name, totals)| (labels(name, None), of(totals)));
        page.counters("postwarden_filter_calls", "Calls of a filter", each(|totals| totals.calls))?;
        page.counters("postwarden_filter_microseconds", "Time of all its calls", each(|totals| totals.microseconds))?;
        page.counters("postwarden_filter_host_calls", "Calls from it to the server", each(|totals| totals.host_calls))?;
        page.counters(
            "postwarden_filter_not_asked",
            "Calls answered by on-failure alone",
            each(|totals| totals.not_asked),
        )?;
        let verdicts = self.filters.iter().flat_map(|(name, totals)| counted(name, "verdict", &totals.verdicts));
        page.counters("postwarden_filter_verdicts", "What it decided", verdicts)?;
        let failures = self.filters.iter().flat_map(|(name, totals)| counted(name, "cause", &totals.failures));
        page.counters("postwarden_filter_failures", "Calls that failed", failures)?;
        let own: BTreeSet<&String> = self.filters.iter().flat_map(|(_, totals)| totals.counters.keys()).collect();
        for counter in own {
            let values = self
                .filters
                .iter()
                .filter_map(|(name, totals)| Some((labels(name, None), *totals.counters.get(counter)?)));
            page.counters(&format!("filter_{}", counter.replace('-', "_")), "A filter's own count", values)?;
        }
        Ok(())
    }
}

type Labels = Vec<(&'static str, String)>;

fn labels(filter: &str, other: Option<(&'static str, &str)>) -> Labels {
    let filter = ("filter", filter.to_owned());
    std::iter::once(filter).chain(other.map(|(label, value)| (label, value.to_owned()))).collect()
}

fn counted<'a>(
    filter: &'a str,
    label: &'static str,
    counts: &'a BTreeMap<String, u64>,
) -> impl Iterator<Item = (Labels, u64)> + 'a {
    counts.iter().map(move |(value, count)| (labels(filter, Some((label, value))), *count))
}

struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        let encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)).encode(encoder)
    }

    /// The format adds `_total`.
    fn counters(&mut self, name: &str, help: &str, values: impl Iterator<Item = (Labels, u64)>) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            ConstCounter::new(value).encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_page_is_text_that_names_cannot_break() {
        let mut totals = Totals { calls: 3, ..Totals::default() };
        totals.verdicts.insert("reject".to_owned(), 2);
        totals.counters.insert("own-count".to_owned(), 5);
        let mut registry = Registry::default();
        let filters = vec![("odd\"\n".to_owned(), totals)];
        registry.register_collector(Box::new(Page {
            rows: vec![("virus-found", 1)],
            send_limits: 4,
            filters,
            ..Page::default()
        }));
        let mut page = String::new();
        text::encode(&mut page, &registry).unwrap();
        for line in [
            "postwarden_queue_messages 0",
            "postwarden_answers_total{row=\"virus-found\"} 1",
            "postwarden_filter_calls_total{filter=\"odd\\\"\\n\"} 3",
            "postwarden_filter_verdicts_total{filter=\"odd\\\"\\n\",verdict=\"reject\"} 2",
            "postwarden_send_limits_exceeded_total 4",
            "filter_own_count_total{filter=\"odd\\\"\\n\"} 5",
            "# EOF",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in\n{page}");
        }
    }
}
