use std::rc::Rc;

use tiercache::cached;

#[cached(timeout = "2s")]
async fn no_result(id: u64) -> Option<u64> {
    Some(id)
}

#[cached(soft_timeout = "50ms")]
async fn nothing_stale(id: u64) -> u64 {
    id
}

#[cached(stale_if_error = 600, soft_timeout = "2s", timeout = "2s", detach = true)]
async fn soft_is_late(id: u64) -> Result<u64, String> {
    Ok(id)
}

#[cached(refresh_ahead = 1.0, jitter = 1, stale_if_error = 0, stale_while_revalidate = "soon")]
async fn bad_values(id: u64) -> u64 {
    id
}

#[cached(refresh_ahead = "always", detach, detach)]
async fn repeated(id: u64) -> u64 {
    id
}

#[cached(at = id_entry(id), stale_if_error = 5, jitter = 0.1)]
async fn of_the_address(id: u64) -> u64 {
    id
}

tiercache::entry! { fn id_entry(id: u64) -> u64; stale_while_revalidate = 5, timeout = 1 }

fn main() {
    let _ = Rc::new(1);
}
