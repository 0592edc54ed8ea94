//! The invalidation of tags.

use std::fmt::Display;

use crate::cache::{Cache, Inner};
use crate::coherence::news::News;
use crate::coherence::tags::{keys, tag_hash};
use crate::error::Result;
use crate::guard::Guard;
use crate::l1::Slot;
use crate::store::Stamps;

use super::{AT_ONCE, Removal};

impl Cache {
    /// Makes every value that carries one of these tags invalid at once, however many there are: see the option `tags` of
    /// [`cached`](macro@crate::cached). One round trip to L2 for each 1,000 tags.
    ///
    /// A tag is what it displays: a string, or anything else that is `Display`.
    ///
    /// # Errors
    ///
    /// As [`Cache::invalidate`].
    ///
    /// # Cancel safety
    ///
    /// Dropped after it was first polled, it is carried out all the same, in this process and in L2.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> tiercache::Result<()> {
    /// # let cache = tiercache::Cache::builder().build().await?;
    /// let id = 42;
    /// cache.invalidate_tags(["users", &format!("user:{id}")]).await?;
    /// # Ok(()) }
    /// ```
    pub async fn invalidate_tags(&self, tags: impl IntoIterator<Item = impl Display>) -> Result<()> {
        let tags: Vec<u64> = tags.into_iter().map(|tag| tag_hash(&tag)).collect();
        self.carry_out(Removal::Tags(tags)).await
    }
}

impl Inner {
    /// Removes the stamps of tags from L2, and tells the other instances.
    pub(super) async fn remove_tags(&self, guard: &Guard, tags: &[u64]) -> Result<()> {
        for tags in tags.chunks(AT_ONCE) {
            let stamps = Stamps { tags: keys(&self.namespace, tags), ..self.stamps(Vec::new()) };
            self.remove_and_tell(guard, Vec::new(), stamps, &News::Groups(tags.to_vec())).await?;
        }
        Ok(())
    }

    /// Makes what carries one of `tags` stale in this process. Loads under way keep nothing, and nobody who comes now joins one: both are
    /// found by their own look into the table.
    pub(super) fn forget_tags(&self, tags: &[u64]) {
        for tag in tags {
            self.tags.bump(Slot::of(*tag));
        }
    }
}
