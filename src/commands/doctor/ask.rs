//! Asking nodes what they remember. A node that does not answer is no reason to fail: it may be the one that is broken.

use futures_util::{StreamExt, stream};
use reqwest::Client;
use std::{collections::BTreeSet, fmt::Write, net::SocketAddr, time::Duration};

use crate::{
    config,
    domain::doctor::{Case, Witness},
    recent::Recollection,
    tls,
};

/// How long a name may take to be resolved, and a node to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nodes that are asked at the same time.
const CONCURRENCY: usize = 16;
/// Addresses that are asked at all.
const NODES: usize = 256;
/// Bytes of an answer: a node tells of at most some thousand facts.
const ANSWER: usize = 4 << 20;

/// The ops port of a node on this machine.
pub(super) fn this_machine(ops: &config::Ops) -> String {
    let host = if ops.host.is_unspecified() { [127, 0, 0, 1].into() } else { ops.host };
    SocketAddr::new(host, ops.port).to_string()
}

/// Asks each node; a name stands for all of its addresses.
///
/// # Errors
/// If no client can be made, which would be a defect.
pub(super) async fn all(nodes: &[String], case: &Case) -> anyhow::Result<Vec<Witness>> {
    tls::install();
    let client = Client::builder().timeout(PATIENCE).connect_timeout(PATIENCE).no_proxy().build()?;
    let mut query = format!("message={}", case.trace.message.id);
    for (user, seq) in case.entries() {
        write!(query, "&entry={user}:{seq}")?;
    }
    let (mut witnesses, mut addresses) = (Vec::new(), BTreeSet::new());
    for node in nodes {
        match resolve(node).await {
            Ok(found) => addresses.extend(found),
            Err(error) => witnesses.push(Witness { address: node.clone(), answer: Err(error) }),
        }
    }
    let left_out = addresses.len().saturating_sub(NODES);
    let asking = addresses.into_iter().take(NODES).map(|address| {
        let (client, query) = (&client, &query);
        async move { Witness { address: address.to_string(), answer: ask(client, address, query).await } }
    });
    witnesses.extend(stream::iter(asking).buffered(CONCURRENCY).collect::<Vec<_>>().await);
    if left_out > 0 {
        let answer = Err(format!("not asked: at most {NODES} are"));
        witnesses.push(Witness { address: format!("{left_out} more addresses"), answer });
    }
    Ok(witnesses)
}

async fn resolve(node: &str) -> Result<Vec<SocketAddr>, String> {
    if node.rsplit_once(':').is_none_or(|(host, port)| host.is_empty() || !matches!(port.parse::<u16>(), Ok(1..))) {
        return Err("expected HOST:PORT, the address of a node's ops port; with OPS_PORT 0, the one that it printed".to_owned());
    }
    match tokio::time::timeout(PATIENCE, tokio::net::lookup_host(node)).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(error)) => Err(format!("cannot be resolved: {error}")),
        Err(_) => Err("cannot be resolved: no answer in time".to_owned()),
    }
}

async fn ask(client: &Client, address: SocketAddr, query: &str) -> Result<Recollection, String> {
    let mut answer = client.get(format!("http://{address}/recent?{query}")).send().await.map_err(failed)?;
    if !answer.status().is_success() {
        return Err(format!("answered {} to /recent: is that the ops port of a hubbub of this version?", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(failed)? {
        if body.len() + part.len() > ANSWER {
            return Err("its answer is too long".to_owned());
        }
        body.extend_from_slice(&part);
    }
    serde_json::from_slice(&body)
        .map_err(|cause| format!("its answer can't be read ({cause}): is that the ops port of a hubbub?"))
}

/// What lies at the bottom of a failure: the errors above it only say that there was a request.
fn failed(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "not reachable: no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = &error;
    while let Some(below) = cause.source() {
        cause = below;
    }
    format!("not reachable: {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_needs_a_port() {
        for wrong in ["", "hub", "hub:", ":9464", "hub:0", "hub:x", "hub:99999"] {
            assert!(resolve(wrong).await.is_err_and(|error| error.contains("HOST:PORT")), "{wrong}");
        }
        assert_eq!(resolve("127.0.0.1:9464").await, Ok(vec![([127, 0, 0, 1], 9464).into()]));
        assert_eq!(resolve("[::1]:9464").await, Ok(vec![([0, 0, 0, 0, 0, 0, 0, 1], 9464).into()]));
    }
}
