//! The invalidation of a tag that one entry carries, against one that a million do.

use benches::{Contest, Scale, print};
use redis::{Commands, Connection};
use tiercache::{Cache, L1, Redis, cached};
use tokio::runtime::Runtime;

use crate::Result;
use crate::server::RedisServer;
use crate::subject::current_thread;

const TIMES: u64 = 100;
const MANY: u64 = 1_000_000;
const PAGE: usize = 10_000;

#[cached(ttl = "1h", prefix = "tagged", tags("all"))]
async fn tagged(id: u64) -> u64 {
    id
}

/// A server whose entries carry one tag.
struct Carriers {
    server: RedisServer,
    connection: Connection,
    cache: Cache,
    /// The tag's key and stamp.
    stamp: (String, u64),
}

impl Carriers {
    fn new(runtime: &Runtime, count: u64) -> Result<Self> {
        let server = RedisServer::start()?;
        let mut connection = redis::Client::open(server.url())?.get_connection()?;
        let cache = runtime.block_on(Cache::builder().l1(L1::disabled()).l2(Redis::new(server.url())?).build())?;
        let key = runtime.block_on(cache.scope(async {
            tagged(0).await;
            tagged_entry(0).key()
        }))?;
        let entry: Vec<u8> = connection.get(key)?;
        for ids in (1..count).collect::<Vec<_>>().chunks(PAGE) {
            let mut pipeline = redis::pipe();
            for id in ids {
                pipeline.set(format!("tiercache:tagged:{id:064x}"), &entry).ignore();
            }
            pipeline.query::<()>(&mut connection)?;
        }
        let tag: String = connection.scan_match::<_, String>("*:@tag:*")?.next().ok_or("the entry has a tag")??;
        let stamp = connection.get(&tag)?;
        Ok(Self { server, connection, cache, stamp: (tag, stamp) })
    }

    /// Invalidates the tag, again and again: its stamp is put back each time, so that all that carry it are valid once more.
    fn run(&mut self, runtime: &Runtime) {
        for _ in 0..TIMES {
            let (tag, stamp) = &self.stamp;
            let () = self.connection.set(tag, stamp).expect("our own server answers");
            runtime.block_on(self.cache.invalidate_tags(["all"])).expect("our own server answers");
        }
    }

    fn assert_invalid(&self) -> Result {
        let left: bool = redis::Client::open(self.server.url())?.get_connection()?.exists(&self.stamp.0)?;
        if left { Err("the tag is still there".into()) } else { Ok(()) }
    }
}

pub(crate) fn invalidation(case: &str) -> Result {
    let runtime = &current_thread()?;
    let (mut one, mut many) = (Carriers::new(runtime, 1)?, Carriers::new(runtime, MANY)?);
    let rows = Contest::new(format!("{case}, with a SET before"), TIMES)
        .add("1 entry", || one.run(runtime))
        .add_under(1.2, &format!("{MANY} entries"), || many.run(runtime))
        .hold(Scale::default());
    one.assert_invalid()?;
    many.assert_invalid()?;
    print(&rows);
    Ok(())
}
