//! Which primary has which slot, as far as is known.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::ConnectionInfo;

use super::slots::{Range, SLOTS};
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::connection::Connection;
use crate::store::redis::server::{self, Server};

/// A node, and the connection to it.
pub(super) struct Node {
    pub(super) address: String,
    pub(super) connection: Connection,
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
}

impl Map {
    pub(super) fn new(like: ConnectionInfo, timeout: Duration) -> Self {
        let slots = vec![None; SLOTS.into()];
        Self { like, timeout, nodes: BTreeMap::new(), slots, primaries: Vec::new() }
    }

    pub(super) fn primary_of(&self, slot: u16) -> Option<Arc<Node>> {
        self.slots.get(usize::from(slot)).cloned().flatten()
    }

    pub(super) fn primaries(&self) -> &[Arc<Node>] {
        &self.primaries
    }

    /// The node at `address`: a new one if there was none.
    pub(super) fn node(&mut self, address: &str) -> Result<Arc<Node>> {
        if let Some(node) = self.nodes.get(address) {
            return Ok(Arc::clone(node));
        }
        let unknown = || Error::new(ErrorKind::Protocol, format!("the cluster names {address}, which is no address"));
        let addr = server::moved(self.like.addr(), address).ok_or_else(unknown)?;
        let server = Server::at(self.like.clone().set_addr(addr))?;
        let node = Node { address: address.to_owned(), connection: Connection::new(server, self.timeout) };
        let node = Arc::new(node);
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
        self.nodes.retain(|_, node| primaries.iter().any(|primary| Arc::ptr_eq(primary, node)));
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
