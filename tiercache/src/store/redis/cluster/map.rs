//! Which primary has which slot, as far as is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::ConnectionInfo;

use super::restarts::Life;
use super::slots::{Range, SLOTS};
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::connection::Connection;
use crate::store::redis::server::{self, Server};

/// A node, and the connection to it.
pub(super) struct Node {
    pub(super) address: String,
    pub(super) connection: Connection,
    pub(super) life: Life,
}

impl Node {
    pub(super) fn new(address: String, server: Server, timeout: Duration) -> Self {
        Self { address, connection: Connection::new(server, timeout), life: Life::default() }
    }
}

/// The nodes by their addresses, and the slots.
pub(super) struct Map {
    /// How nodes are logged in to, at whatever address.
    like: ConnectionInfo,
    timeout: Duration,
    nodes: BTreeMap<String, Arc<Node>>,
    slots: Vec<Option<Arc<Node>>>,
    /// In the order of their slots.
    primaries: Vec<Arc<Node>>,
    successions: u64,
}

impl Map {
    pub(super) fn new(like: ConnectionInfo, timeout: Duration) -> Self {
        let slots = vec![None; SLOTS.into()];
        Self { like, timeout, nodes: BTreeMap::new(), slots, primaries: Vec::new(), successions: 0 }
    }

    pub(super) fn primary_of(&self, slot: u16) -> Option<Arc<Node>> {
        self.slots.get(usize::from(slot)).cloned().flatten()
    }

    pub(super) fn primaries(&self) -> &[Arc<Node>] {
        &self.primaries
    }

    /// How many primaries the cluster has left out since it was first asked: another one is in their place. One whose last slot was
    /// moved elsewhere is not told apart. One that was started again has succeeded itself.
    pub(super) fn successions(&self) -> u64 {
        self.successions
    }

    pub(super) fn count_restart(&mut self) {
        self.successions += 1;
    }

    /// The node at `address`: a new one if there was none.
    pub(super) fn node(&mut self, address: &str) -> Result<Arc<Node>> {
        if let Some(node) = self.nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let unknown = || Error::new(ErrorKind::Protocol, format!("the cluster names {address}, which is no address"));
        let addr = server::moved(self.like.addr(), address).ok_or_else(unknown)?;
        let server = Server::at(self.like.clone().set_addr(addr))?;
        let node = Arc::new(Node::new(address.to_owned(), server, self.timeout));
        self.nodes.insert(address.to_owned(), Arc::clone(&node));
        Ok(node)
    }

    /// What the cluster said: slots that it left out have no primary, nodes that it left out are forgotten.
    pub(super) fn learn(&mut self, ranges: &[Range]) -> Result<()> {
        let mut slots = vec![None; SLOTS.into()];
        let mut primaries: Vec<Arc<Node>> = Vec::new();
        for Range { first, last, primary } in ranges {
            let node = self.node(primary)?;
            slots[usize::from(*first)..=usize::from(*last)].fill(Some(Arc::clone(&node)));
            if primaries.iter().all(|known| !Arc::ptr_eq(known, &node)) {
                primaries.push(node);
            }
        }
        let stays = |known: &Arc<Node>| primaries.iter().any(|primary| Arc::ptr_eq(primary, known));
        self.successions += self.primaries.iter().filter(|known| !stays(known)).count() as u64;
        self.nodes.retain(|_, node| stays(node));
        (self.slots, self.primaries) = (slots, primaries);
        Ok(())
    }

    /// What one node said of one slot.
    pub(super) fn moved(&mut self, slot: u16, address: &str) -> Result<Arc<Node>> {
        let node = self.node(address)?;
        if let Some(primary) = self.slots.get_mut(usize::from(slot)) {
            *primary = Some(Arc::clone(&node));
        }
        Ok(node)
    }
}

#[cfg(test)]
mod tests {
    use redis::IntoConnectionInfo;

    use super::*;

    fn ranges(primaries: &[(u16, u16, &str)]) -> Vec<Range> {
        let range = |(first, last, primary): &(u16, u16, &str)| Range {
            first: *first,
            last: *last,
            primary: (*primary).to_owned(),
        };
        primaries.iter().map(range).collect()
    }

    #[test]
    fn a_primary_that_is_left_out_was_replaced_and_one_that_gave_slots_away_was_not() {
        let mut map = Map::new("redis://a:1".into_connection_info().unwrap(), Duration::from_secs(1));
        for (said, successions) in [
            (ranges(&[(0, 99, "a:1"), (100, 199, "b:1")]), 0),
            (ranges(&[(0, 49, "a:1"), (50, 199, "b:1")]), 0),
            (ranges(&[(0, 49, "c:1"), (50, 199, "b:1")]), 1),
            (ranges(&[(0, 49, "c:1"), (50, 199, "b:1")]), 1),
            (ranges(&[(0, 49, "a:1"), (50, 199, "d:1")]), 3),
        ] {
            map.learn(&said).unwrap();
            assert_eq!(map.successions(), successions, "{said:?}");
        }
    }

    #[test]
    fn who_is_sent_on_before_the_cluster_is_asked_does_not_hide_a_replacement() {
        let mut map = Map::new("redis://a:1".into_connection_info().unwrap(), Duration::from_secs(1));
        map.learn(&ranges(&[(0, 99, "a:1")])).unwrap();
        (0..=99).for_each(|slot| drop(map.moved(slot, "b:1").unwrap()));
        map.learn(&ranges(&[(0, 99, "b:1")])).unwrap();
        assert_eq!(map.successions(), 1);
    }
}
