//! Metrics as Prometheus reads them: its own text format, and OpenMetrics, which has exemplars.
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>,
//! <https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>

use std::fmt::{Display, Write};

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{
    AggregatedMetrics, HistogramDataPoint, Metric, MetricData, ResourceMetrics,
};

use super::exemplars;

/// How they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    Text,
    OpenMetrics,
}

impl Exposition {
    /// What a reader takes: the plain text, unless it names OpenMetrics.
    pub fn asked_for(accept: &str) -> Self {
        let open = accept.split(',').any(|part| {
            let mut words = part.split(';').map(str::trim);
            words.next() == Some("application/openmetrics-text")
                && words.all(|word| !word.starts_with("version=") || word == "version=1.0.0")
        });
        if open { Self::OpenMetrics } else { Self::Text }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Everything that was read.
pub(super) fn write(metrics: &ResourceMetrics, exposition: Exposition) -> String {
    let mut out = String::with_capacity(64 << 10);
    let about = metrics.resource().iter().map(|(key, value)| (key.as_str().to_owned(), value.to_string()));
    let about = labels(about.collect::<Vec<_>>().iter().map(|(name, value)| (&**name, value.clone())));
    let family = if exposition == Exposition::Text { "target_info" } else { "target" };
    let kind = if exposition == Exposition::Text { "gauge" } else { "info" };
    head(&mut out, family, kind, "What is measured");
    let _ = writeln!(out, "target_info{{{about}}} 1");
    let mut all: Vec<&Metric> = metrics.scope_metrics().flat_map(|scope| scope.metrics()).collect();
    all.sort_by_key(|metric| metric.name().to_owned());
    for metric in all {
        match metric.data() {
            AggregatedMetrics::F64(data) => family_of(&mut out, metric, data, exposition),
            AggregatedMetrics::I64(data) => family_of(&mut out, metric, data, exposition),
            AggregatedMetrics::U64(data) => family_of(&mut out, metric, data, exposition),
        }
    }
    if exposition == Exposition::OpenMetrics {
        out.push_str("# EOF\n");
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, about: &str) {
    let about = about.replace('\\', "\\\\").replace('\n', "\\n");
    let _ = writeln!(out, "# HELP {name} {about}\n# TYPE {name} {kind}");
}

fn family_of<T: Display + Copy>(out: &mut String, metric: &Metric, data: &MetricData<T>, as_: Exposition) {
    let name = name(metric.name(), metric.unit());
    let about = metric.description();
    // Sorted, so that two readings can be compared.
    let mut lines: Vec<(String, String)> = Vec::new();
    match data {
        MetricData::Gauge(gauge) => {
            head(out, &name, "gauge", about);
            for point in gauge.data_points() {
                let labels = labels_of(point.attributes());
                lines.push((labels.clone(), sample(&name, &labels, &point.value())));
            }
        }
        MetricData::Sum(sum) if sum.is_monotonic() => {
            let total = format!("{name}_total");
            head(out, if as_ == Exposition::Text { &total } else { &name }, "counter", about);
            for point in sum.data_points() {
                let labels = labels_of(point.attributes());
                lines.push((labels.clone(), sample(&total, &labels, &point.value())));
            }
        }
        MetricData::Sum(sum) => {
            head(out, &name, "gauge", about);
            for point in sum.data_points() {
                let labels = labels_of(point.attributes());
                lines.push((labels.clone(), sample(&name, &labels, &point.value())));
            }
        }
        MetricData::Histogram(histogram) => {
            head(out, &name, "histogram", about);
            for point in histogram.data_points() {
                let labels = labels_of(point.attributes());
                let text = buckets(&name, metric.name(), &labels, point, as_);
                lines.push((labels, text));
            }
        }
        // None is made.
        MetricData::ExponentialHistogram(_) => {}
    }
    lines.sort();
    lines.iter().for_each(|(_, line)| out.push_str(line));
}

fn buckets<T: Display + Copy>(
    name: &str,
    instrument: &str,
    labels: &str,
    point: &HistogramDataPoint<T>,
    exposition: Exposition,
) -> String {
    let (mut text, mut sum) = (String::new(), 0);
    let bounds = point.bounds().map(|bound| bound.to_string()).chain(["+Inf".to_owned()]);
    let comma = if labels.is_empty() { "" } else { "," };
    let exemplars =
        (exposition == Exposition::OpenMetrics).then(|| exemplars::of_series(instrument, labels)).flatten();
    for (place, (bound, count)) in bounds.zip(point.bucket_counts()).enumerate() {
        sum += count;
        let exemplar = exemplars.as_ref().map(|exemplars| exemplars.written(place)).unwrap_or_default();
        let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {sum}{exemplar}");
    }
    text.push_str(&sample(&format!("{name}_sum"), labels, &point.sum()));
    text.push_str(&sample(&format!("{name}_count"), labels, &point.count()));
    text
}

fn sample(name: &str, labels: &str, value: &impl Display) -> String {
    if labels.is_empty() { format!("{name} {value}\n") } else { format!("{name}{{{labels}}} {value}\n") }
}

/// An instrument's name, with its unit: `http.server.request.duration` in `s` is `http_server_request_duration_seconds`.
pub(super) fn name(instrument: &str, unit: &str) -> String {
    let name = word(instrument);
    match unit {
        "s" => name + "_seconds",
        "By" => name + "_bytes",
        _ => name,
    }
}

fn word(text: &str) -> String {
    text.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

fn labels_of<'k>(attributes: impl Iterator<Item = &'k KeyValue>) -> String {
    let pairs: Vec<_> = attributes.map(|pair| (pair.key.as_str(), pair.value.to_string())).collect();
    labels(pairs.into_iter())
}

/// Labels as they are written between the braces, by their names.
pub(super) fn labels<'l>(pairs: impl Iterator<Item = (&'l str, String)>) -> String {
    let escaped = |value: String| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let mut pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}=\"{}\"", word(name), escaped(value))).collect();
    pairs.sort();
    pairs.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_name_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(Exposition::asked_for(prometheus), Exposition::OpenMetrics);
        for text in ["", "*/*", "text/plain;version=0.0.4", "application/openmetrics-text;version=0.0.1"] {
            assert_eq!(Exposition::asked_for(text), Exposition::Text, "{text}");
        }
    }

    #[test]
    fn names_have_their_units_and_values_are_escaped() {
        assert_eq!(name("http.server.request.duration", "s"), "http_server_request_duration_seconds");
        assert_eq!(name("feira.orders", "{order}"), "feira_orders");
        let pairs = [("b.c", "1".to_owned()), ("a", "x\"y\\z\nw".to_owned())];
        assert_eq!(labels(pairs.into_iter()), r#"a="x\"y\\z\nw",b_c="1""#);
    }
}
