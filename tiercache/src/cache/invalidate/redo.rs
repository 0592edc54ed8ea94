//! Invalidating anew what L2 has lost.

use super::Removal;
use crate::cache::Inner;
use crate::coherence::groups::{NAMESPACE, hash};
use crate::coherence::news::News;
use crate::error::Result;

impl Inner {
    pub(super) async fn redo(&self, news: News) -> Result<()> {
        let Some(guard) = &self.l2 else { return Ok(()) };
        let removal = match news {
            News::Anchor(_) => return Ok(()),
            News::Keys(keys) => Removal::Keys(keys),
            News::Pattern(pattern) => Removal::Pattern(pattern),
            News::Groups(groups) if !groups.contains(&hash(NAMESPACE)) => Removal::Tags(groups),
            News::Groups(_) | News::Unknown => Removal::Everything,
        };
        self.remove(guard, &removal).await?;
        self.forget_removed(&removal);
        Ok(())
    }
}
