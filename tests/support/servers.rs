//! Starts a server, a cluster and a sentinel group, and ends them on Ctrl-C: `cargo xtask servers`.

use tiercache_tests::{RedisCluster, RedisServer, SentinelGroup};

#[tokio::main]
async fn main() {
    let (server, cluster, sentinel) =
        futures_util::join!(RedisServer::start(), RedisCluster::start(), SentinelGroup::start());
    for (what, url) in [("server", server.url()), ("cluster", cluster.url()), ("sentinel", sentinel.url())] {
        println!("{what:<9} {url}");
    }
    println!("\nSet TIERCACHE_L2_URL to one of them. Ctrl-C ends them all.");
    tokio::signal::ctrl_c().await.expect("this process may hear of Ctrl-C");
}
