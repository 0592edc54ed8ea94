//! News in a cluster: the log is in one slot, messages go through all nodes.

use std::collections::BTreeSet;

use redis::cmd;

use super::ClusterStore;
use super::slots::slot_of;
use crate::error::{Error, ErrorKind, Result};
use crate::store::redis::news::{Bus, LOG_LENGTH, MESSAGE};
use crate::store::{Hear, Joined, Op, Shared, Stamps, Tell};

impl Shared for ClusterStore {
    fn invalidate<'a>(&'a self, keys: &'a [String], stamps: &'a Stamps, tell: &'a Tell) -> Op<'a, String> {
        Box::pin(self.invalidate(keys, stamps, tell))
    }

    fn append<'a>(&'a self, log: &'a str, message: Vec<u8>) -> Op<'a, String> {
        Box::pin(async move {
            let mut command = cmd("XADD");
            command.arg(log).arg("MAXLEN").arg("~").arg(LOG_LENGTH).arg("*").arg(MESSAGE).arg(message);
            self.one(log, &command).await
        })
    }

    fn read_log<'a>(&'a self, log: &'a str, from: &'a str, count: usize) -> Op<'a, Vec<(String, Vec<u8>)>> {
        Box::pin(async move {
            let mut command = cmd("XRANGE");
            command.arg(log).arg(from).arg("+").arg("COUNT").arg(count);
            let entries: Vec<(String, Vec<Vec<u8>>)> = self.one(log, &command).await?;
            // An entry is a list of fields and values; ours has one of each.
            Ok(entries.into_iter().map(|(id, mut fields)| (id, fields.pop().unwrap_or_default())).collect())
        })
    }

    fn trimmed_to<'a>(&'a self, log: &'a str) -> Op<'a, Option<String>> {
        Box::pin(async move {
            if self.one::<usize>(log, cmd("XLEN").arg(log)).await? < LOG_LENGTH {
                return Ok(None);
            }
            let first: Vec<(String, Vec<Vec<u8>>)> =
                self.one(log, cmd("XRANGE").arg(log).arg("-").arg("+").arg("COUNT").arg(1)).await?;
            Ok(first.into_iter().next().map(|(id, _)| id))
        })
    }

    fn successions(&self) -> u64 {
        self.nodes.successions()
    }

    /// Any node takes it to all.
    fn publish<'a>(&'a self, channel: &'a str, message: Vec<u8>) -> Op<'a, ()> {
        Box::pin(async move { self.one::<u64>(channel, cmd("PUBLISH").arg(channel).arg(message)).await.map(drop) })
    }

    fn listen<'a>(&'a self, channel: &'a str, hear: Hear, joined: Joined) -> Op<'a, ()> {
        Box::pin(async move {
            let primaries = self.nodes.primaries().await?;
            let any = fastrand::choice(&primaries);
            let node = any.ok_or_else(|| Error::new(ErrorKind::Unavailable, "the cluster has no primary"))?;
            Bus::new(node.connection.server(), self.timeout)?.listen(channel, hear, joined).await
        })
    }
}

impl ClusterStore {
    /// Tells the others, and answers where in the log.
    pub(super) async fn tell(&self, tell: &Tell) -> Result<String> {
        let arguments = (&tell.channel, &tell.message, LOG_LENGTH);
        self.script(&self.scripts.tell, &tell.log, &arguments).await
    }

    /// What is removed is gone from every slot before the others hear of it.
    ///
    /// A primary that was replaced meanwhile may have taken its acknowledgement with it, and the journal does not have this yet: then it is
    /// all done again.
    pub(super) async fn invalidate(&self, keys: &[String], stamps: &Stamps, tell: &Tell) -> Result<String> {
        loop {
            let successions = self.nodes.successions();
            self.forget_all(keys, stamps).await?;
            let place = self.tell(tell).await?;
            if self.nodes.successions() == successions {
                return Ok(place);
            }
        }
    }

    async fn forget_all(&self, keys: &[String], stamps: &Stamps) -> Result<()> {
        self.forget(keys, stamps).await?;
        let hash = (!stamps.fields.is_empty()).then(|| slot_of(&stamps.hash));
        let slots: BTreeSet<u16> = keys.iter().chain(&*stamps.tags).map(|key| slot_of(key)).chain(hash).collect();
        if slots.len() > 1 {
            // A load that began in between may have used what one slot still had, and have filled what another had removed.
            self.forget(keys, stamps).await?;
        }
        Ok(())
    }
}
