//! How long a value lives: fresh, and then as a stale value that is better than none.

use std::time::Duration;

use crate::l1::Deadlines;
use crate::time::Moment;

/// The two lives of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// How long it counts as fresh.
    pub(crate) soft: Duration,
    /// How long it is kept.
    pub(crate) hard: Duration,
}

/// What is to become of a value that a load gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// It is kept for the life of its kind.
    Usual,
    /// It is kept for this long.
    For(Duration),
    /// It is not kept.
    Not,
}

impl From<bool> for Keep {
    fn from(keep: bool) -> Self {
        if keep { Self::Usual } else { Self::Not }
    }
}

/// When a value that is asked for is refreshed before it expires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ahead {
    /// After this share of its life.
    Share(f64),
    /// By chance, as `XFetch` has it.
    Auto,
}

/// In units of the load time: the chance to be due earlier than that before the end is one in 500 million.
const EARLIEST: u32 = 20;

impl Ahead {
    /// When, at the earliest, a value is to be refreshed that lives for `life` and took `load_time` to load: this long before its end.
    fn lead(self, life: Duration, load_time: Duration) -> Duration {
        match self {
            Self::Share(share) => life.mul_f64(1.0 - share),
            Self::Auto => load_time.saturating_mul(EARLIEST).min(life),
        }
    }

    /// Whether a value is to be refreshed now that has `left` of its life, and for which it is not too early. `XFetch` with a beta
    /// of 1: `now - load_time * ln(random) >= expiry`.
    pub(crate) fn is_due(self, left: Duration, load_time: Duration) -> bool {
        match self {
            Self::Share(_) => true,
            // A random number in (0, 1]: 0 has no logarithm.
            Self::Auto => left.as_secs_f64() <= load_time.as_secs_f64() * -(1.0 - fastrand::f64()).ln(),
        }
    }
}

/// `life`, shortened at random by up to the share `jitter`. Never longer.
pub(crate) fn shortened(life: Duration, jitter: f64) -> Duration {
    if jitter <= 0.0 {
        life
    } else {
        life.mul_f64(1.0 - jitter.min(1.0) * fastrand::f64()).max(Duration::from_millis(1))
    }
}

/// The deadlines in memory of a value that has `left` of its `whole` lives, whose copy there is served for `l1_life`.
pub(super) fn deadlines(
    at: Moment,
    left: Life,
    whole: Life,
    l1_life: Duration,
    load: Option<(Ahead, Duration)>,
) -> Deadlines {
    // Counted from the hard end, a value that is past its soft life has its soft end before now.
    let hard = at.after(left.hard);
    let soft = hard.before(whole.hard.saturating_sub(whole.soft));
    let (ahead, load_time) = load.map_or((None, Duration::ZERO), |(ahead, load_time)| (Some(ahead), load_time));
    Deadlines {
        expires: at.after(left.soft.min(l1_life)),
        due: ahead.map_or(soft, |ahead| soft.before(ahead.lead(whole.soft, load_time))),
        soft,
        hard,
        load_us: u32::try_from(load_time.as_micros()).unwrap_or(u32::MAX),
        rests_on_stale: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn jitter_shortens_by_its_share_at_most_and_never_lengthens() {
        let lives: Vec<_> = (0..10_000).map(|_| shortened(MINUTE, 0.1)).collect();
        assert!(lives.iter().all(|life| (MINUTE.mul_f64(0.9)..=MINUTE).contains(life)));
        let (least, most) = (lives.iter().min().unwrap(), lives.iter().max().unwrap());
        assert!(*least < MINUTE.mul_f64(0.91) && *most > MINUTE.mul_f64(0.99), "{least:?} {most:?}");
        assert_eq!(shortened(MINUTE, 0.0), MINUTE);
    }

    #[test]
    fn a_value_past_its_soft_life_has_its_soft_end_behind_it() {
        let (now, whole) = (Moment::now(), Life { soft: MINUTE, hard: 3 * MINUTE });
        let fresh = deadlines(now, whole, whole, MINUTE / 2, None);
        assert_eq!(
            (fresh.expires, fresh.soft, fresh.hard),
            (now.after(MINUTE / 2), now.after(MINUTE), now.after(3 * MINUTE))
        );
        let left = Life { soft: Duration::ZERO, hard: MINUTE };
        let stale = deadlines(now, left, whole, MINUTE, None);
        assert_eq!((stale.expires, stale.soft, stale.hard), (now, now.before(MINUTE), now.after(MINUTE)));
    }

    #[test]
    fn chance_follows_the_load_time_and_the_time_left() {
        let due = |left| (0..10_000).filter(|_| Ahead::Auto.is_due(left, Duration::from_secs(1))).count();
        assert_eq!(due(Duration::ZERO), 10_000);
        // e^-1 and e^-3 of 10,000, give or take eight standard deviations.
        assert!((3_300..4_070).contains(&due(Duration::from_secs(1))));
        assert!((320..680).contains(&due(Duration::from_secs(3))));
    }
}
