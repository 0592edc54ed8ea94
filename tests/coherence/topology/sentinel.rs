//! A group of sentinels gets another primary.

use std::time::Duration;

use fastrand::Rng;
use tiercache_tests::{SentinelGroup, eventually};
use tokio::time::sleep;

use super::state::{State, ask};
use super::{Failover, fall_behind};

/// How long sentinels and servers may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
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
        Failover::Planned => group.fail_over().await,
        Failover::Kill => group.server(deposed).kill().await,
        Failover::Freeze => group.servers()[deposed].pause(),
        Failover::Lag => {
            fall_behind(&group.servers()[deposed]).await;
            group.server(deposed).kill().await;
        }
    }
    *primary = group.is_taken_over(deposed).await;
    match failover {
        Failover::Planned => sleep(SPLIT.mul_f64(random.f64())).await,
        Failover::Kill | Failover::Lag => group.server(deposed).restart().await,
        Failover::Freeze => {
            group.servers()[deposed].resume();
            sleep(SPLIT.mul_f64(random.f64())).await;
        }
    }
    follow(group, deposed, *primary).await;
    is_whole(group, *primary).await;
    format!("server {deposed} gave way to {primary}")
}

/// The sentinels would order it too, but after eight seconds only; or in the same moment, and cut the connection.
async fn follow(group: &SentinelGroup, deposed: usize, primary: usize) {
    let command = format!("REPLICAOF 127.0.0.1 {}", group.servers()[primary].port());
    let ordered = || async { ask::<()>(&group.servers()[deposed], &command).await.is_ok() };
    eventually(ordered, PATIENCE).await;
}

/// Waits until all others follow `primary`.
async fn is_whole(group: &SentinelGroup, primary: usize) {
    let port = group.servers()[primary].port();
    let whole = || async {
        for (number, server) in group.servers().iter().enumerate() {
            let state = State::of(server).await;
            let ready = if number == primary {
                state.is_primary() && state.is("connected_slaves", "2")
            } else {
                state.follows(port)
            };
            if !ready {
                return false;
            }
        }
        true
    };
    eventually(whole, PATIENCE).await;
}
