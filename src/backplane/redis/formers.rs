//! The ids that this process had before it lost their leases. Its lease names them: whoever reads who is on this node takes
//! those out of the view in the same step, and needs not to have heard that they are given up.

use parking_lot::Mutex;
use std::collections::VecDeque;

use crate::model::NodeId;

/// As many as the lease names. Whoever still shows an older one drops it when it has been missing for a lease.
const NAMED: usize = 4;
/// Before them in the lease.
const WORD: &str = "former=";

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Formers(Mutex<VecDeque<Former>>);

#[derive(Debug)]
struct Former {
    node: NodeId,
    /// Whether its entries may still be in Redis.
    left: bool,
}

impl Formers {
    pub(super) fn add(&self, node: NodeId) {
        let mut formers = self.0.lock();
        if formers.len() >= NAMED {
            formers.pop_front();
        }
        formers.push_back(Former { node, left: true });
    }

    /// Those whose entries may still be in Redis.
    pub(super) fn left(&self) -> Vec<NodeId> {
        self.0.lock().iter().filter(|former| former.left).map(|former| former.node).collect()
    }

    pub(super) fn cleaned(&self, node: NodeId) {
        self.0.lock().iter_mut().filter(|former| former.node == node).for_each(|former| former.left = false);
    }

    /// As the lease holds them, with `present`, the id that is about to be given up, if it is.
    pub(super) fn text(&self, present: Option<NodeId>) -> String {
        let ids: Vec<String> = self.0.lock().iter().map(|former| former.node).chain(present).map(|id| id.to_string()).collect();
        if ids.is_empty() { String::new() } else { format!(" {WORD}{}", ids.join(",")) }
    }
}

/// The ids that the process which holds this lease had before.
pub(super) fn named(lease: &str) -> Vec<NodeId> {
    let ids = lease.split(' ').find_map(|word| word.strip_prefix(WORD)).unwrap_or_default();
    ids.split(',').take(NAMED + 1).filter_map(|id| id.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_names_the_last_ids_only() {
        let formers = Formers::default();
        assert_eq!((formers.text(None), named("12 sharded")), (String::new(), vec![]));
        let ids: Vec<NodeId> = (0..6).map(|_| NodeId::new()).collect();
        ids.iter().for_each(|id| formers.add(*id));
        let present = NodeId::new();

        let lease = format!("12 sharded{}", formers.text(Some(present)));

        assert_eq!(named(&lease), [&ids[2..], &[present]].concat());
        formers.cleaned(ids[3]);
        assert_eq!(formers.left(), [ids[2], ids[4], ids[5]]);
        assert_eq!(formers.text(None).matches(',').count(), 3);
    }
}
