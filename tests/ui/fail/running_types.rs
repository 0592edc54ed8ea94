use std::rc::Rc;

use tiercache::cached;

type Alias = u64;

struct NotLate;

struct NotClone(u64);

#[cached(timeout = "2s")]
async fn no_result_by_type(id: u64) -> Alias {
    id
}

#[cached(timeout = "2s")]
async fn no_error_for_it(id: u64) -> Result<u64, NotLate> {
    Ok(id)
}

#[cached(detach, skip(lent))]
async fn not_clone(id: u64, lent: &NotClone) -> u64 {
    id + lent.0
}

#[cached(stale_while_revalidate = 5, skip(shared))]
async fn not_send(id: u64, shared: Rc<u64>) -> u64 {
    id + *shared
}

impl NotClone {
    #[cached(refresh_ahead = 0.8, skip(self))]
    async fn of_self(&self, id: u64) -> u64 {
        self.0 + id
    }
}

fn main() {}
