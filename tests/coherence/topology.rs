//! Where a run has its L2: one server, a cluster, or a group of sentinels; and what each of them goes through.

mod cluster;
mod sentinel;
mod state;

use std::fmt;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::join_all;
use redis::Cmd;
use tiercache_tests::{RedisCluster, RedisServer, SentinelGroup, eventually};
use tokio::time::sleep;

use state::State;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    Single,
    Cluster,
    Sentinel,
}

/// A server that gives its place to another. What it acknowledged last may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failover {
    /// By order, while it goes on.
    Planned,
    /// It dies; later it comes back, empty, as a replica.
    Kill,
    /// It stands still; later it goes on, and takes itself for a primary until it hears otherwise.
    Freeze,
    /// It dies, after its replicas have heard nothing from it for a moment: what it acknowledged meanwhile is lost.
    Lag,
}

/// How long servers may take on a busy machine: a sentinel that was held up does nothing for half a minute.
const PATIENCE: Duration = Duration::from_secs(120);
/// After that time an order that had no effect is given again: servers that are held up give up.
const AGAIN: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(20);

/// For how long replicas hear nothing.
const LAG: Duration = Duration::from_secs(1);

/// The servers of a run.
pub(crate) enum Servers {
    Single(RedisServer),
    Cluster(RedisCluster),
    /// And the number of the primary.
    Sentinel(SentinelGroup, usize),
}

impl Servers {
    pub(crate) async fn start(topology: Topology) -> Self {
        match topology {
            Topology::Single => Self::Single(RedisServer::start().await),
            Topology::Cluster => Self::Cluster(RedisCluster::start().await),
            Topology::Sentinel => Self::Sentinel(SentinelGroup::start().await, 0),
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Single(server) => server.url(),
            Self::Cluster(cluster) => cluster.url(),
            Self::Sentinel(group, _) => group.url(),
        }
    }

    /// The server that has `key`.
    pub(crate) async fn home_of(&self, key: &str) -> &RedisServer {
        match self {
            Self::Single(server) => server,
            Self::Cluster(cluster) => &cluster.nodes()[cluster.primary_of(key, 0).await],
            Self::Sentinel(group, primary) => &group.servers()[*primary],
        }
    }

    /// The servers that are written to.
    pub(crate) async fn primaries(&self) -> Vec<&RedisServer> {
        match self {
            Self::Single(server) => vec![server],
            Self::Cluster(cluster) => cluster::primaries(cluster).await,
            Self::Sentinel(group, primary) => vec![&group.servers()[*primary]],
        }
    }

    /// Has every server obey, also the replicas: one that was a primary still has who came then.
    pub(crate) async fn all_obey(&self, command: &Cmd) {
        let servers = match self {
            Self::Single(server) => std::slice::from_ref(server),
            Self::Cluster(cluster) => cluster.nodes(),
            Self::Sentinel(group, _) => group.servers(),
        };
        join_all(servers.iter().map(|server| obey(server, command))).await;
    }

    /// Has each of the primaries obey.
    pub(crate) async fn primaries_obey(&self, command: &Cmd) {
        join_all(self.primaries().await.into_iter().map(|server| obey(server, command))).await;
    }

    /// Has the home of `key` obey.
    pub(crate) async fn home_obeys(&self, key: &str, command: &Cmd) {
        obey(self.home_of(key).await, command).await;
    }

    /// Waits until all are whole, and says who reigns: other names than before, if there was a failover in between.
    pub(crate) async fn settle(&mut self) -> Vec<String> {
        match self {
            // It restarts, but nobody takes its place.
            Self::Single(_) => return Vec::new(),
            Self::Cluster(cluster) => cluster::is_whole(cluster).await,
            Self::Sentinel(group, primary) => *primary = sentinel::is_whole(group).await,
        }
        join_all(self.primaries().await.into_iter().map(async |server| State::of(server).await.reign())).await
    }

    /// One server ends, and comes back empty. Only a single one does so by itself.
    pub(crate) async fn restart(&mut self) {
        if let Self::Single(server) = self {
            server.restart().await;
        }
    }

    /// A server gives its place to another: returns when all are whole again. Says which one it was.
    pub(crate) async fn fail_over(&mut self, failover: Failover, random: &mut Rng) -> String {
        match self {
            Self::Single(_) => "nothing: there is one server".to_owned(),
            Self::Cluster(cluster) => cluster::fail_over(cluster, failover, random).await,
            Self::Sentinel(group, primary) => sentinel::fail_over(group, primary, failover, random).await,
        }
    }

    /// The slot of `key` goes to another primary, with all that is in it, and comes back.
    pub(crate) async fn move_slot(&self, key: &str) -> String {
        match self {
            Self::Cluster(cluster) => cluster::move_there_and_back(cluster, key).await,
            _ => "nothing: there are no slots".to_owned(),
        }
    }
}

/// Waits until `done`, and sees to it by `order`.
async fn until<D, O>(done: impl Fn() -> D, order: impl Fn() -> O)
where
    D: Future<Output = bool>,
    O: Future<Output = ()>,
{
    let (begun, mut ordered) = (Instant::now(), None::<Instant>);
    while !done().await {
        assert!(begun.elapsed() < PATIENCE, "the servers did not come to rest within {PATIENCE:?}");
        if ordered.is_none_or(|at| at.elapsed() > AGAIN) {
            order().await;
            ordered = Some(Instant::now());
        }
        sleep(POLL).await;
    }
}

/// A primary loses its replicas for ever, and goes on for a moment.
async fn fall_behind(primary: &RedisServer) {
    obey(primary, redis::cmd("ACL").arg(&["SETUSER", "default", "-psync", "-sync"])).await;
    obey(primary, redis::cmd("CLIENT").arg(&["KILL", "TYPE", "replica"])).await;
    sleep(LAG).await;
}

/// Has a server obey, if need be after another attempt: a sentinel that gives it another role cuts its connections.
async fn obey(server: &RedisServer, command: &Cmd) {
    let obeys = || async { command.exec_async(&mut server.connection().await).await.is_ok() };
    eventually(obeys, PATIENCE).await;
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single => "single",
            Self::Cluster => "cluster",
            Self::Sentinel => "sentinel",
        })
    }
}
