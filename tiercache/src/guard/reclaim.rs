//! The operation of reclaiming memory of L2.

use std::pin::pin;

use super::Guard;
use super::rights::Right;
use crate::error::Result;

impl Guard {
    /// See [`Store::heads`](crate::store::Store::heads).
    pub(crate) async fn heads(&self, keys: Vec<String>, bytes: usize) -> Result<Vec<Option<Vec<u8>>>> {
        let heads = self.run(move |store| async move { store.heads(&keys, bytes).await });
        self.by_right(Right::Read, pin!(heads)).await
    }
}
