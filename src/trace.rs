//! Traces, as far as the product knows of them: the steps of a message's way, and the context that goes with it from node
//! to node (W3C Trace Context's `traceparent`).
//!
//! Steps have a target of their own, which only an exporter listens to (`telemetry`); without one they cost a comparison.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use std::sync::Arc;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The target of all steps.
pub const TARGET: &str = "hubbub::trace";

/// A span for one step: `step!("commit")`, with fields as in `tracing`.
macro_rules! step {
    ($name:literal $(, $($field:tt)*)?) => {
        tracing::info_span!(target: "hubbub::trace", $name $(, $($field)*)?)
    };
}
pub(crate) use step;

/// Where the current step stands, for whoever goes on elsewhere: a `traceparent`. `None` if nobody records it.
pub fn context() -> Option<Arc<str>> {
    if !tracing::span_enabled!(target: TARGET, tracing::Level::INFO) {
        return None;
    }
    let context = Span::current().context();
    let span = context.span();
    let at = span.span_context();
    let recorded = at.is_valid() && at.is_sampled();
    recorded.then(|| format!("00-{}-{}-01", at.trace_id(), at.span_id()).into())
}

/// Makes a step go on from where another one stood. What is no `traceparent` changes nothing.
pub fn follow(step: Span, context: &str) -> Span {
    if let Some(parent) = parse(context) {
        let parent = opentelemetry::Context::new().with_remote_span_context(parent);
        // An error says that nobody records the step.
        let _unrecorded = step.set_parent(parent);
    }
    step
}

fn parse(context: &str) -> Option<SpanContext> {
    let mut parts = context.splitn(4, '-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let at = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
    (version == "00" && flags == "01" && at.is_valid()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_recorded_traceparent_is_followed() {
        let at = parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("the example of the standard");
        assert_eq!(at.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for other in [
            "",
            "00-0-0-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        ] {
            assert!(parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn without_an_exporter_there_is_nothing_to_follow() {
        let step = step!("commit");
        assert!(step.is_disabled());
        assert_eq!(step.in_scope(context), None);
    }
}
