//! Repeating what may be done twice.

use std::time::Duration;

use super::pause::Pauses;
use crate::error::{ErrorKind, Result};

const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Whether trouble may be over in a moment: a connection that broke says nothing of the server, and one that is loading or changes its
/// role may be done. What was too late has no time left.
pub(super) fn may_pass(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Unavailable | ErrorKind::Overloaded)
}

/// Runs `operation`, and up to `times` more while it meets trouble that may pass; `repeated` is told each time. The pauses grow.
pub(super) async fn repeat<T, F>(times: u32, repeated: impl Fn(), mut operation: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pauses = Pauses::new(FIRST_PAUSE, LONGEST_PAUSE);
    for _ in 0..times {
        match operation().await {
            Err(error) if may_pass(error.kind()) => tokio::time::sleep(pauses.next()).await,
            ended => return ended,
        }
        repeated();
    }
    operation().await
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;

    async fn attempts(times: u32, trouble: ErrorKind, passes_after: u32) -> (Result<()>, u32) {
        let (done, told) = (Cell::new(0), Cell::new(0));
        let result = repeat(
            times,
            || told.set(told.get() + 1),
            || {
                done.set(done.get() + 1);
                let failed = done.get() <= passes_after;
                async move { if failed { Err(Error::new(trouble, "trouble")) } else { Ok(()) } }
            },
        )
        .await;
        assert_eq!(done.get(), told.get() + 1);
        (result, done.get())
    }

    #[tokio::test(start_paused = true)]
    async fn trouble_that_may_pass_is_met_again_so_often_and_no_other() {
        for (times, kind, passes_after, well, done) in [
            (1, ErrorKind::Unavailable, 1, true, 2),
            (1, ErrorKind::Unavailable, 2, false, 2),
            (3, ErrorKind::Overloaded, 2, true, 3),
            (0, ErrorKind::Unavailable, 1, false, 1),
            (3, ErrorKind::Timeout, 1, false, 1),
            (3, ErrorKind::Refused, 1, false, 1),
            (3, ErrorKind::OutOfMemory, 1, false, 1),
        ] {
            let (result, attempts) = attempts(times, kind, passes_after).await;
            assert_eq!((result.is_ok(), attempts), (well, done), "{times} times {kind:?}");
        }
    }
}
