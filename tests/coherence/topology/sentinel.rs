//! A group of sentinels gets another primary.

use std::cell::Cell;
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join_all;
use tiercache_tests::{SentinelGroup, eventually};
use tokio::time::sleep;

use super::state::{State, ask};
use super::{Failover, PATIENCE, fall_behind, until};

/// How long there are two primaries at most, both of which answer.
const SPLIT: Duration = Duration::from_secs(2);

/// The primary, which has number `primary`, is replaced; then it follows the new one.
pub(super) async fn fail_over(
    group: &mut SentinelGroup,
    primary: &mut usize,
    failover: Failover,
    random: &mut Rng,
) -> String {
    let deposed = *primary;
    match failover {
        Failover::Planned => {}
        Failover::Kill => group.server(deposed).kill().await,
        Failover::Freeze => group.servers()[deposed].pause(),
        Failover::Lag => {
            fall_behind(&group.servers()[deposed]).await;
            group.server(deposed).kill().await;
        }
    }
    let order = || async {
        if failover == Failover::Planned {
            group.begins_to_fail_over().await;
        }
    };
    let successor = Cell::new(None);
    let named = || async {
        successor.set(group.successor(deposed).await);
        successor.get().is_some()
    };
    until(named, order).await;
    *primary = successor.get().expect("it was waited for");
    match failover {
        Failover::Planned => sleep(SPLIT.mul_f64(random.f64())).await,
        Failover::Kill | Failover::Lag => group.server(deposed).restart().await,
        Failover::Freeze => {
            group.servers()[deposed].resume();
            sleep(SPLIT.mul_f64(random.f64())).await;
        }
    }
    follow(group, deposed, *primary).await;
    *primary = is_whole(group).await;
    format!("server {deposed} gave way to {primary}")
}

/// The sentinels would order it too, but after eight seconds only; or in the same moment, and cut the connection.
async fn follow(group: &SentinelGroup, deposed: usize, primary: usize) {
    let command = format!("REPLICAOF 127.0.0.1 {}", group.servers()[primary].port());
    let ordered = || async { ask::<()>(&group.servers()[deposed], &command).await.is_ok() };
    eventually(ordered, PATIENCE).await;
}

/// Waits until there is one primary, which all others follow, and says which.
pub(super) async fn is_whole(group: &SentinelGroup) -> usize {
    let primary = Cell::new(None);
    let whole = || async {
        primary.set(primary_of_all(group).await);
        primary.get().is_some()
    };
    eventually(whole, PATIENCE).await;
    primary.get().expect("it was waited for")
}

async fn primary_of_all(group: &SentinelGroup) -> Option<usize> {
    let states = join_all(group.servers().iter().map(State::of)).await;
    let primary = states.iter().position(|state| state.is_primary() && state.is("connected_slaves", "2"))?;
    let port = group.servers()[primary].port();
    let followed = states.iter().enumerate().all(|(number, state)| number == primary || state.follows(port));
    followed.then_some(primary)
}
