//! The whole of tiercache in one program, without a server.
//!
//! ```text
//! cargo run -p examples --example quickstart
//! ```
//!
//! Run it twice: L2 is a file, so the second run finds what the first one stored. With `TIERCACHE_L2_URL` set (say
//! `redis://127.0.0.1:6379`), L2 is that instead.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use examples::{head, row};
use serde::{Deserialize, Serialize};
use tiercache::{Cache, CallExt, Embedded, Source, cached};
use tokio::task::JoinSet;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
}

/// How often the slow part really ran.
static LOADS: AtomicU32 = AtomicU32::new(0);

/// An ordinary async function, and one attribute. Its arguments are the key, its `Ok` values are kept, its errors are
/// not. Beside it, the attribute makes `get_user_entry(id)`: the address of one cached user.
#[cached(ttl = "10m", prefix = "user")]
async fn get_user(id: u64) -> Result<User, std::io::Error> {
    LOADS.fetch_add(1, Relaxed);
    // A slow database.
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(User { id, name: format!("User {id}") })
}

/// L2 as the environment says; by default a file, where the next run finds it.
async fn open_cache() -> Result<Cache, Box<dyn Error>> {
    if std::env::var_os("TIERCACHE_L2_URL").is_some() {
        println!("L2 is the one that TIERCACHE_L2_URL names\n");
        return Ok(Cache::from_env().await?);
    }
    let file = std::env::temp_dir().join("tiercache-quickstart.redb");
    println!("L2 is {}\n", file.display());
    Ok(Cache::builder().namespace("quickstart").l2(Embedded::open(file)?).build().await?)
}

/// Asks for user 1 and says where the answer came from.
async fn ask(what: &str) -> Result<Source, Box<dyn Error>> {
    let begin = Instant::now();
    let (user, outcome) = get_user(1).with_outcome().await;
    let time = begin.elapsed();
    assert_eq!(user?.name, "User 1");
    let source = outcome.ok_or("no cached function was called")?.source();
    row(what, told(source), time);
    Ok(source)
}

fn told(source: Source) -> &'static str {
    match source {
        Source::L1 => "L1 (this process)",
        Source::L2 => "L2 (shared, survives)",
        Source::Loader => "the function's body",
        _ => "something else",
    }
}

/// A thousand callers want one user at once; the body runs for one of them.
async fn stampede() -> Result<(), Box<dyn Error>> {
    get_user_entry(2).invalidate().await?;
    let loads_before = LOADS.load(Relaxed);
    let begin = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..1_000 {
        callers.spawn(get_user(2));
    }
    while let Some(user) = callers.join_next().await {
        assert_eq!(user??.id, 2);
    }
    let time = begin.elapsed();
    let loads = LOADS.load(Relaxed) - loads_before;
    row("1,000 callers at once, of a cold key", format!("{loads} load for all"), time);
    assert_eq!(loads, 1);
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cache = open_cache().await?;
    cache.install()?; // From here on, cached functions use it.

    head("call", "answered by");
    let first = ask("the first call").await?;
    assert!(matches!(first, Source::Loader | Source::L2), "cold, or stored by an earlier run");
    assert_eq!(ask("the same again").await?, Source::L1);

    cache.clear_l1();
    assert_eq!(ask("after L1 was dropped").await?, Source::L2, "does L2 answer?");

    stampede().await?;

    // The user has changed: whoever changed it says so, at the address that the attribute made.
    let begin = Instant::now();
    get_user_entry(1).invalidate().await?;
    row("get_user_entry(1).invalidate()", "gone from both tiers", begin.elapsed());
    assert_eq!(ask("the first call after that").await?, Source::Loader);

    let stats = cache.stats().total;
    println!("\n{} requests:", stats.requests);
    for (count, what) in [
        (stats.l1_hits, "L1 hits"),
        (stats.l2_hits, "L2 hits"),
        (stats.loads_led, "loads"),
        (stats.joined, "joined another's load"),
    ] {
        println!("{count:>8} {what}");
    }

    // What is stored is made durable; the next run begins warm.
    cache.close().await?;
    if first == Source::Loader {
        println!("\nRun it again: the first call will be an L2 hit.");
    }
    Ok(())
}
