//! The slots of a cluster: which one a key has, and who has which.

use crc16::{State, XMODEM};
use redis::Value;

/// How many slots there are.
pub(in crate::store::redis) const SLOTS: u16 = 16_384;

/// The slot of a key: that of what is between its first braces, if there is anything. (Redis Cluster specification, "hash tags".)
pub(in crate::store::redis) fn slot_of(key: &str) -> u16 {
    let tag = key.split_once('{').and_then(|(_, rest)| Some(rest.split_once('}')?.0));
    State::<XMODEM>::calculate(tag.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) % SLOTS
}

/// A range of slots, and the address of their primary.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store::redis) struct Range {
    pub(in crate::store::redis) first: u16,
    pub(in crate::store::redis) last: u16,
    pub(in crate::store::redis) primary: String,
}

/// What `CLUSTER SLOTS` answers: the ranges, in their order; a node that does not know its own name is at `asked`. Nothing if it is no such answer.
pub(in crate::store::redis) fn parse(answer: &Value, asked: &str) -> Option<Vec<Range>> {
    let Value::Array(ranges) = answer else { return None };
    let mut ranges = ranges.iter().map(|range| parse_range(range, asked)).collect::<Option<Vec<_>>>()?;
    ranges.sort_by_key(|range| range.first);
    (!ranges.is_empty()).then_some(ranges)
}

fn parse_range(range: &Value, asked: &str) -> Option<Range> {
    let Value::Array(parts) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = parts.as_slice() else { return None };
    let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        _ => "",
    };
    let (first, last) = (slot(*first)?, slot(*last)?);
    (first <= last).then(|| Range { first, last, primary: address(host, &port.to_string(), asked) })
}

fn slot(number: i64) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number < SLOTS)
}

/// `host:port`; a host that is not known is that of the node that was asked.
pub(super) fn address(host: &str, port: &str, asked: &str) -> String {
    match host {
        "" | "?" => format!("{}:{port}", asked.rsplit_once(':').map_or(asked, |(host, _)| host)),
        host => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec()), Value::Array(vec![])])
    }

    fn range(first: i64, last: i64, nodes: Vec<Value>) -> Value {
        Value::Array([vec![Value::Int(first), Value::Int(last)], nodes].concat())
    }

    /// As `CLUSTER KEYSLOT` says.
    #[test]
    fn a_key_has_the_slot_that_redis_gives_it() {
        for (key, slot) in [
            ("foo", 12_182),
            ("bar", 5_061),
            ("123456789", 12_739),
            ("", 0),
            ("{foo}bar", 12_182),
            ("a{foo}b{bar}", 12_182),
            ("{}foo", 9_500),
            ("foo{", 7_673),
            ("foo}{", 8_134),
        ] {
            assert_eq!(slot_of(key), slot, "{key}");
        }
    }

    #[test]
    fn the_first_node_of_a_range_is_its_primary() {
        let bulk = |host: &str| Value::BulkString(host.as_bytes().to_vec());
        let answer = Value::Array(vec![
            range(8_192, 16_383, vec![node(bulk("10.0.0.2"), 7001), node(bulk("10.0.0.3"), 7002)]),
            range(0, 8_191, vec![node(bulk(""), 7000)]),
        ]);
        let primary = |first, last, primary: &str| Range { first, last, primary: primary.to_owned() };
        let expected = vec![primary(0, 8_191, "10.0.0.9:7000"), primary(8_192, 16_383, "10.0.0.2:7001")];
        assert_eq!(parse(&answer, "10.0.0.9:7000"), Some(expected));
    }

    #[test]
    fn anything_else_is_no_map() {
        let nobody = node(Value::Nil, 7000);
        for answer in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 16_384, vec![nobody.clone()])]),
            Value::Array(vec![range(-1, 5, vec![nobody.clone()])]),
            Value::Array(vec![range(6, 5, vec![nobody])]),
            Value::Array(vec![range(0, 5, vec![])]),
        ] {
            assert_eq!(parse(&answer, "a:1"), None, "{answer:?}");
        }
    }
}
