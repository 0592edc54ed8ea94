//! What of a history is to be redone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{History, Id, Note};
use crate::coherence::groups::{NAMESPACE, hash};
use crate::coherence::news::News;
use crate::time::Proof;

/// Keys that are redone at a time: as many as one round trip removes.
const AT_ONCE: usize = 1_000;

/// What the log has after all that is known here: where each thing is told first there, and where last.
struct Since<'a> {
    messages: Vec<&'a [u8]>,
    told: BTreeMap<News, (usize, usize)>,
}

/// What one instance has told, and the log lacks.
struct Loss {
    /// The first of it: when it was noted, and as what.
    first: (Proof, Id),
    /// Where in the log the last of it is made good; none where it is not.
    made_good: Option<usize>,
}

impl History {
    /// What is to be redone, in this order, as `log`, read from the oldest entry on, lacks it.
    pub(crate) fn lost(&self, log: &[(Id, Vec<u8>)]) -> Vec<News> {
        let there: HashMap<Id, &[u8]> = log.iter().map(|(id, message)| (*id, message.as_slice())).collect();
        let is_there = |id: &Id, note: &Note| there.get(id).is_some_and(|message| **message == *note.message);
        let since = self.since(log);
        if since.told.contains_key(&everything()) {
            return Vec::new();
        }
        if !self.entries.iter().any(|(id, note)| note.seen && is_there(id, note)) {
            return vec![everything()];
        }
        let gone = self.entries.iter().filter(|(id, note)| self.in_doubt || !is_there(id, note));
        let (mut lost, mut losses) = (BTreeSet::new(), HashMap::new());
        for (id, note) in gone {
            for atom in atoms(&note.message) {
                let made_good = since.told.get(&atom).map(|(first, _)| *first);
                add_loss(&mut losses, *id, note, made_good);
                if made_good.is_none() {
                    lost.insert(atom);
                }
            }
        }
        lost.extend(self.followers(&losses, &since));
        merge(lost)
    }

    fn since<'a>(&self, log: &'a [(Id, Vec<u8>)]) -> Since<'a> {
        let newest = self.entries.keys().next_back();
        let messages: Vec<&[u8]> = log
            .iter()
            .filter(|(id, _)| newest.is_some_and(|newest| id > newest))
            .map(|(_, message)| message.as_slice())
            .collect();
        let mut told = BTreeMap::new();
        for (place, message) in messages.iter().enumerate() {
            for atom in atoms(message) {
                told.entry(atom).or_insert((place, place)).1 = place;
            }
        }
        Since { messages, told }
    }

    /// What who has lost something told after it, and nobody has told again since that was made good.
    fn followers(&self, losses: &HashMap<u64, Loss>, since: &Since<'_>) -> BTreeSet<News> {
        let loss = |message: &[u8]| News::decode(message).0.and_then(|origin| losses.get(&origin));
        let known = self.entries.iter().filter_map(|(id, note)| {
            let loss = loss(&note.message).filter(|loss| (note.noted, *id) > loss.first)?;
            Some((&*note.message, loss))
        });
        let later = since.messages.iter().filter_map(|message| Some((*message, loss(message)?)));
        let followers = known.chain(later).flat_map(|(message, loss)| {
            atoms(message).into_iter().filter(|atom| {
                let last = since.told.get(atom).map(|(_, last)| *last);
                loss.made_good.is_none() || last < loss.made_good
            })
        });
        followers.collect()
    }
}

fn add_loss(losses: &mut HashMap<u64, Loss>, id: Id, note: &Note, made_good: Option<usize>) {
    let Some(origin) = News::decode(&note.message).0 else { return };
    let loss = losses.entry(origin).or_insert(Loss { first: (note.noted, id), made_good });
    loss.first = loss.first.min((note.noted, id));
    loss.made_good = loss.made_good.zip(made_good).map(|(one, other)| one.max(other));
}

pub(super) fn everything() -> News {
    News::Groups(vec![hash(NAMESPACE)])
}

/// What a message says, each thing by itself: who redoes puts many of them into one message.
fn atoms(message: &[u8]) -> Vec<News> {
    match News::decode(message).1 {
        News::Anchor(_) => Vec::new(),
        News::Keys(keys) => keys.into_iter().map(|key| News::Keys(vec![key])).collect(),
        News::Groups(groups) => groups.into_iter().map(|group| News::Groups(vec![group])).collect(),
        other => vec![other],
    }
}

/// The keys together, as they go in one round trip.
fn merge(atoms: BTreeSet<News>) -> Vec<News> {
    let (mut keys, mut merged) = (Vec::new(), Vec::new());
    for atom in atoms {
        match atom {
            News::Keys(key) => keys.extend(key),
            other => merged.push(other),
        }
    }
    merged.extend(keys.chunks(AT_ONCE).map(|keys| News::Keys(keys.to_vec())));
    merged
}
