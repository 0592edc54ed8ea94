//! What an entry of L1 takes up.

use std::fs;

use benches::print_bytes;
use tiercache::{Cache, L1, cached};

use crate::Result;
use crate::subject::{current_thread, each, engine};

const ENTRIES: u64 = 100_000;
/// What Linux counts memory in, as `/proc` shows it.
const PAGE: u64 = 4096;

/// A value that takes next to nothing by itself.
#[cached(ttl = "1h")]
async fn number(id: u64) -> u64 {
    id
}

pub(crate) fn per_entry(case: &str) -> Result {
    let runtime = current_thread()?;
    let l1 = L1::named(engine(case))?.max_entries(2 * ENTRIES);
    let cache = runtime.block_on(Cache::builder().l1(l1).build())?;
    cache.install()?;
    // One call makes everything that is there once.
    runtime.block_on(number(u64::MAX));
    let ids: Vec<u64> = (0..ENTRIES).collect();
    let before = resident()?;
    runtime.block_on(each(&ids, number));
    let bytes = resident()?.saturating_sub(before);
    assert_eq!(cache.stats().total.l1_entries, ENTRIES + 1, "nothing is evicted");
    print_bytes(case, "an entry of a u64, everything included", bytes / ENTRIES);
    Ok(())
}

/// The memory of this process that is in use.
fn resident() -> Result<u64> {
    let pages = fs::read_to_string("/proc/self/statm")?;
    let pages = pages.split(' ').nth(1).ok_or("the second number is the resident set")?;
    Ok(pages.parse::<u64>()? * PAGE)
}
