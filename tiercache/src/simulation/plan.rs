//! What a run is made of, drawn from its seed.

use std::time::Duration;

use super::history::OUTER;

/// Short, so that a run holds many of them.
pub(super) const MAX_STALENESS: Duration = Duration::from_secs(1);
pub(super) const DEGRADED_L1_TTL: Duration = Duration::from_secs(4);
pub(super) const L2_DEADLINE: Duration = Duration::from_millis(100);
/// The longest that a message of the bus, or either half of an exchange with the server, takes when nothing is wrong.
pub(super) const LONGEST_TRIP: u64 = 12;

/// Chances are of 256.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) instances: usize,
    /// Tasks of each instance that read and write.
    pub(super) clients: usize,
    pub(super) span: Duration,
    /// Nothing goes wrong: then news arrive in the time of the bus.
    pub(super) calm: bool,
    /// A command whose reply is lost.
    pub(super) unanswered: u8,
    /// A command that is carried out long after its deadline.
    pub(super) late: u8,
    /// A command that never reaches the server.
    pub(super) refused: u8,
    /// A message of the bus that is lost.
    pub(super) unheard: u8,
    /// The log is on another node than the keys: between removal and news is a while.
    pub(super) split: bool,
    /// How long nothing is done to processes and to the server, on average.
    pub(super) peace: Duration,
    /// How often a task is polled later than it could be.
    pub(super) hesitation: u8,
    /// The keys whose values are written behind: a bit for each.
    pub(super) behind: u8,
    /// The keys of which one task alone writes the rows, and stores the values: a bit for each.
    pub(super) single: u8,
    /// The server goes on from an older state now and then.
    pub(super) rollbacks: bool,
}

/// Sizes that a broken promise is looked for again in: instances, clients of each.
pub(super) const SMALLER_SIZES: [(usize, usize); 3] = [(1, 2), (2, 1), (2, 2)];

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let calm = random.u8(..) < 40;
        // Half of the rollbacks come with little else, so that what redoes what they undo is judged soon.
        let rollbacks = !calm && random.u8(..) < 64;
        let quiet = rollbacks && random.bool();
        let mut chance = |chances: &[u8]| if calm || quiet { 0 } else { chances[random.usize(..chances.len())] };
        let (unanswered, late, refused) = (chance(&[0, 0, 4, 16]), chance(&[0, 4, 16]), chance(&[0, 0, 2, 8]));
        let unheard = chance(&[0, 80, 255]);
        Self {
            seed,
            instances: random.usize(2..=3),
            clients: random.usize(2..=4),
            span: Duration::from_secs(12),
            calm,
            unanswered,
            late,
            refused,
            unheard,
            split: random.bool(),
            peace: Duration::from_millis(random.u64(200..1_500)) * if quiet { 6 } else { 1 },
            hesitation: [0, 40, 100][random.usize(..3)],
            behind: random.u8(..),
            single: random.u8(..) & random.u8(..) & !(1 << OUTER),
            rollbacks,
        }
    }

    pub(super) fn has_single_writer(&self, key: usize) -> bool {
        self.single >> key & 1 == 1
    }

    pub(super) fn smaller(self, (instances, clients): (usize, usize)) -> Self {
        Self { instances, clients, ..self }
    }
}

/// A time of at most `most` milliseconds.
pub(super) fn up_to(most: u64) -> Duration {
    Duration::from_millis(fastrand::u64(0..=most))
}

pub(super) fn happens(chance: u8) -> bool {
    fastrand::u8(..) < chance
}
