//! What it costs a hit to know that no invalidation was missed.

use std::hint::black_box;

use benches::{Contest, Scale, print};
use tiercache::{Cache, Key, L1, Policy, Redis};
use tokio::runtime::Runtime;

use crate::Result;
use crate::server::RedisServer;
use crate::subject::multi_thread;

const KEYS: u64 = 100;

fn read(runtime: &Runtime, cache: &Cache, keys: &[Key]) {
    runtime.block_on(async {
        for key in keys {
            black_box(cache.get_or_load_value(key, &Policy::new(), || async { 7_u64 }).await);
        }
    });
}

pub(crate) fn hits(case: &str) -> Result {
    let (server, runtime) = (RedisServer::start()?, &multi_thread()?);
    let alone = &runtime.block_on(Cache::builder().l1(L1::quick_cache()).build())?;
    let over_redis = Cache::builder().l1(L1::quick_cache()).l2(Redis::new(server.url())?);
    let proved = &runtime.block_on(over_redis.build())?;
    let keys = &(0..KEYS).map(|id| Key::new("user", &id)).collect::<tiercache::Result<Vec<_>>>()?;
    for cache in [alone, proved] {
        read(runtime, cache, keys);
    }
    let rows = Contest::new(format!("{case}, `get_or_load_value`"), KEYS)
        .on_this_thread()
        .add("memory alone", || read(runtime, alone, keys))
        .add("memory over Redis: expiry and proof", || read(runtime, proved, keys))
        .hold(Scale::default());
    assert_eq!(proved.stats().total.loads_led, KEYS, "everything else is a hit");
    print(&rows);
    Ok(())
}
