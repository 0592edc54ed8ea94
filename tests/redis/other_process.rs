//! Another process finds what the first one stored.

use std::process::Command;

use tiercache::{CallExt, Source, cached};
use tiercache_tests::RedisServer;

use super::{User, at, instance};

const URL: &str = "OTHER_PROCESS_URL";

#[cached(prefix = "user")]
async fn find(id: u64, name: &str) -> Result<User, String> {
    Ok(User { name: format!("{name}, by {}", std::process::id()), ..User::new(id) })
}

#[tokio::test]
async fn a_second_process_finds_the_first_ones_values() {
    if let Ok(url) = std::env::var(URL) {
        return second_process(&url).await;
    }
    let server = RedisServer::start().await;
    let user = instance(&server).await.scope(find(1, "ada")).await.unwrap();
    let second = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "other_process::a_second_process_finds_the_first_ones_values", "--nocapture"])
        .env(URL, server.url())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&second.stdout);
    assert!(second.status.success(), "{text}\n{}", String::from_utf8_lossy(&second.stderr));
    assert!(text.contains(&user.name), "{text}");
}

async fn second_process(url: &str) {
    let (user, outcome) = at(url, "shop").await.scope(find(1, "ada").with_outcome()).await;
    assert_eq!(outcome.unwrap().source(), Source::L2);
    println!("{}", user.unwrap().name);
}
