//! Keys: prefix, canonical encoding, digest.
