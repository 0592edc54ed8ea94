//! Why stored bytes are no value of the one who asks.

/// The reasons for a counted miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reject {
    /// Not ours: another program's value.
    Foreign,
    /// Ours, but of an unknown format or flag, or shorter or longer than it says.
    Format,
    /// Ours, but changed on its way.
    Checksum,
    /// Stored under another key or namespace.
    OtherKey,
    /// Stored by another `version` of the function.
    OtherVersion,
    /// Stored with another codec.
    OtherCodec,
    /// Decoded to another value than the stored one: the type has changed, or the codec has misread.
    Print,
    /// The codec found no value of the type.
    Decode,
    /// Stored before an invalidation of one of its groups.
    Stamp,
    /// Larger than the size limit.
    TooLarge,
}

impl Reject {
    /// All of them, in the order of [`index`](Self::index).
    pub(crate) const ALL: [Self; 10] = [
        Self::Foreign,
        Self::Format,
        Self::Checksum,
        Self::OtherKey,
        Self::OtherVersion,
        Self::OtherCodec,
        Self::Print,
        Self::Decode,
        Self::Stamp,
        Self::TooLarge,
    ];

    /// Where it stands in [`ALL`](Self::ALL), for arrays of counters.
    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// Its name in stats and logs.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Format => "format",
            Self::Checksum => "checksum",
            Self::OtherKey => "other_key",
            Self::OtherVersion => "other_version",
            Self::OtherCodec => "other_codec",
            Self::Print => "print",
            Self::Decode => "decode",
            Self::Stamp => "stamp",
            Self::TooLarge => "too_large",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn all_lists_every_reason_at_its_index() {
        assert!(Reject::ALL.iter().enumerate().all(|(at, reason)| reason.index() == at));
        assert_eq!(Reject::ALL.map(Reject::name).into_iter().collect::<HashSet<_>>().len(), Reject::ALL.len());
    }
}
