//! The twins of what is refused about how a body is run.

use std::sync::Arc;
use std::time::Duration;

use tiercache::{TimedOut, cached};

type Alias = Result<u64, Late>;

#[derive(Debug)]
struct Late;

impl From<TimedOut> for Late {
    fn from(_: TimedOut) -> Self {
        Self
    }
}

#[derive(Clone)]
struct Owner(u64);

// running
#[cached(
    stale_if_error = "10m",
    stale_while_revalidate = 60,
    refresh_ahead = 0.8,
    timeout = "2s",
    soft_timeout = "50ms",
    jitter = 0,
    value = u64,
    detach
)]
async fn everything(id: u64) -> Alias {
    Ok(id)
}

#[cached(refresh_ahead = "auto", jitter = 0.5, ttl_from = |life| Duration::from_secs(*life), cache_if = |life| *life > 3)]
async fn auto(id: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    Ok(id)
}

tiercache::entry! { fn id_entry(id: u64) -> u64; stale_if_error = 600, jitter = 0.1 }

#[cached(at = id_entry(id), soft_timeout = "50ms", timeout = "1s")]
async fn at_an_address(id: u64) -> Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    Ok(id)
}

// running_types
#[cached(timeout = "2s", skip(borrowed))]
async fn borrows(id: u64, borrowed: &std::cell::Cell<u64>) -> Result<u64, Late> {
    Ok(id + borrowed.get())
}

#[cached(detach, skip(lent, shared))]
async fn lends<'a>(name: &'a str, ids: &[u64], lent: &Owner, mut shared: Arc<Late>) -> String {
    shared = Arc::clone(&shared);
    format!("{name} {ids:?} {} {shared:?}", lent.0)
}

#[cached(detach)]
async fn generic<T: Clone + serde::Serialize + Send + Sync + 'static>(of: &[T], more: impl Into<u64> + serde::Serialize + Send + 'static) -> u64 {
    of.len() as u64 + more.into()
}

impl Owner {
    #[cached(refresh_ahead = 0.8, skip(self))]
    async fn of_self(&self, id: u64) -> u64 {
        let add = |more: u64| self.0 + more;
        add(id)
    }

    #[cached(detach, key = (self.0, id))]
    async fn of_arc(self: Arc<Self>, id: u64) -> u64 {
        self.0 + id
    }
}

#[async_trait::async_trait]
trait Repo {
    async fn find(&self, id: u64, name: &str) -> Result<u64, Late>;
}

#[async_trait::async_trait]
impl Repo for Owner {
    #[cached(skip(self), stale_while_revalidate = 60, timeout = "1s")]
    async fn find(&self, id: u64, name: &str) -> Result<u64, Late> {
        Ok(self.0 + id + name.len() as u64)
    }
}

fn main() {
    drop((everything(1), auto(1), at_an_address(1), Owner(1).of_self(1), Arc::new(Owner(1)).of_arc(1)));
    drop((borrows(1, &std::cell::Cell::new(1)), lends("", &[], &Owner(1), Arc::new(Late))));
    drop((generic(&[1], 1_u32), Owner(1).find(1, "")));
}
