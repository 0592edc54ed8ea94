//! Bytes: codecs and the envelope.
