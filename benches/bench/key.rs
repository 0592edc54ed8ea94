//! A key: from arguments to a digest, and to the address that a companion gives.

use std::hint::black_box;

use benches::{Contest, Scale, print};
use tiercache::cached;

use crate::Result;
use crate::floor::sha256;
use crate::subject::{KEYS, install, shuffled};

#[cached]
#[expect(dead_code, reason = "only its address is made")]
async fn by_id(id: u64) -> u64 {
    id
}

#[cached]
#[expect(dead_code, reason = "only its address is made")]
async fn by_id_and_language(id: u64, language: &str) -> u64 {
    id + language.len() as u64
}

/// Without a look the digest would be optimized away: an address holds it, beside three references to the cache and its parts.
pub(crate) fn addresses(case: &str) -> Result {
    install("quick-cache")?;
    let (ids, site) = (&shuffled(), [7; 32]);
    let rows = Contest::new(case, KEYS)
        .on_this_thread()
        .add("SHA-256 of one block", || {
            for &id in ids {
                black_box(sha256(black_box(&site), id));
            }
        })
        .add("address by (u64)", || {
            for &id in ids {
                let _ = black_box(by_id_entry(id));
            }
        })
        .add("address by (u64, &str)", || {
            for &id in ids {
                let _ = black_box(by_id_and_language_entry(id, black_box("en-GB")));
            }
        })
        .hold(Scale::short());
    print(&rows);
    Ok(())
}
