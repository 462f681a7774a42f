//! Traces to a collector, by OTLP over HTTP.

use anyhow::Context;
use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use std::time::Duration;
use tokio::runtime::Handle;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::Registry;
use uuid::Uuid;

use crate::{config::Tracing, tls};

/// How long one batch may take; what can't be delivered is dropped.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where OTLP over HTTP takes spans.
const PATH: &str = "/v1/traces";

/// The export of this process's traces, if there is one.
#[derive(Debug)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    pub(super) fn new(config: &Tracing) -> anyhow::Result<Self> {
        if config.otlp_endpoint.is_empty() {
            return Ok(Self(None));
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new()?)
            .with_endpoint(format!("{}{PATH}", config.otlp_endpoint.trim_end_matches('/')))
            .with_timeout(PATIENCE)
            .build()
            .context("cannot export traces: check HUBBUB__TRACING__OTLP_ENDPOINT")?;
        // What OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say wins over ours.
        let resource = Resource::builder_empty()
            .with_attributes([
                KeyValue::new("service.name", "hubbub"),
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
            ])
            .with_detector(Box::new(opentelemetry_sdk::resource::EnvResourceDetector::new()))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(config.sample)));
        let provider =
            SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler).with_batch_exporter(exporter).build();
        Ok(Self(Some(provider)))
    }

    pub(super) fn layer(&self) -> Option<OpenTelemetryLayer<Registry, SdkTracer>> {
        let provider = self.0.as_ref()?;
        // Where in the sources a step is, and on which thread, are nobody's question.
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("hubbub"));
        Some(layer.with_location(false).with_threads(false).with_target(false))
    }

    /// Delivers what is left, for a few seconds at most.
    pub async fn stop(self) {
        let Some(provider) = self.0 else { return };
        let stopping = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(PATIENCE));
        if !matches!(stopping.await, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be delivered");
        }
    }
}

/// The exporter works on a thread of its own, where nothing drives a request: this hands them to the runtime.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

impl Client {
    fn new() -> anyhow::Result<Self> {
        tls::install();
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { http, runtime: Handle::try_current().context("traces need a runtime")? })
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let sending = async move {
            let answer = http.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.extend(answer.headers().clone());
            }
            Ok(response.body(answer.bytes().await?)?)
        };
        self.runtime.spawn(sending).await?
    }
}
