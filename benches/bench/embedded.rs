//! An L2 hit in a file on this machine.

use benches::{Contest, Scale, print};
use tiercache::{Cache, Embedded, L1};

use crate::Result;
use crate::subject::{current_thread, each, multi_thread, ours};

const KEYS: u64 = 100;

pub(crate) fn hits(case: &str) -> Result {
    let folder = tempfile::tempdir()?;
    let ids: &Vec<u64> = &(0..KEYS).collect();
    let (one, many) = (&current_thread()?, &multi_thread()?);
    let l2 = Embedded::open(folder.path().join("l2"))?;
    let cache = one.block_on(Cache::builder().l1(L1::disabled()).l2(l2).build())?;
    cache.install()?;
    let rows = Contest::new(case, KEYS)
        .add("tiercache", || one.block_on(each(ids, ours)))
        .add("tiercache, multi-thread runtime", || many.block_on(each(ids, ours)))
        .hold(Scale::short());
    let total = cache.stats().total;
    assert_eq!((total.loads_led, total.l2_hits), (KEYS, total.requests - KEYS), "everything else is a hit");
    print(&rows);
    one.block_on(cache.close())?;
    Ok(())
}
