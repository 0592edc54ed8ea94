//! Two key parts have one encoding if and only if they are the same value, and none is the beginning of another's.

#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use serde::ser::{Serialize, SerializeStruct, SerializeStructVariant, SerializeTupleVariant, Serializer};
use tiercache::fuzzing;

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Empty,
    A,
    Ab,
    Long,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Empty => "",
            Self::A => "a",
            Self::Ab => "ab",
            Self::Long => "a name that is longer than what fits into two words",
        }
    }
}

/// Every kind of value, with integers of several widths, which are equal if the integers are.
#[derive(Arbitrary, Clone, Debug, PartialEq, PartialOrd)]
enum Value {
    Unit,
    U8(u8),
    U64(u64),
    U128(u128),
    I64(i64),
    I128(i128),
    Bool(bool),
    F32(f32),
    F64(f64),
    Char(char),
    Str(String),
    Text(String),
    Bytes(Vec<u8>),
    None,
    Some(Box<Value>),
    Seq(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Struct(Vec<(Name, Value)>),
    UnitVariant(Name),
    NewtypeVariant(Name, Box<Value>),
    TupleVariant(Name, Vec<Value>),
    StructVariant(Name, Vec<(Name, Value)>),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unit => serializer.serialize_unit(),
            Self::U8(integer) => serializer.serialize_u8(*integer),
            Self::U64(integer) => serializer.serialize_u64(*integer),
            Self::U128(integer) => serializer.serialize_u128(*integer),
            Self::I64(integer) => serializer.serialize_i64(*integer),
            Self::I128(integer) => serializer.serialize_i128(*integer),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::F32(float) => serializer.serialize_f32(*float),
            Self::F64(float) => serializer.serialize_f64(*float),
            Self::Char(char) => serializer.serialize_char(*char),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Text(text) => serializer.collect_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::None => serializer.serialize_none(),
            Self::Some(value) => serializer.serialize_some(value),
            Self::Seq(values) => serializer.collect_seq(values),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Struct(fields) => {
                let mut state = serializer.serialize_struct("S", fields.len())?;
                fields.iter().try_for_each(|(name, value)| state.serialize_field(name.text(), value))?;
                state.end()
            }
            Self::UnitVariant(name) => serializer.serialize_unit_variant("E", 0, name.text()),
            Self::NewtypeVariant(name, value) => serializer.serialize_newtype_variant("E", 0, name.text(), value),
            Self::TupleVariant(name, values) => {
                let mut state = serializer.serialize_tuple_variant("E", 0, name.text(), values.len())?;
                values.iter().try_for_each(|value| state.serialize_field(value))?;
                state.end()
            }
            Self::StructVariant(name, fields) => {
                let mut state = serializer.serialize_struct_variant("E", 0, name.text(), fields.len())?;
                fields.iter().try_for_each(|(name, value)| state.serialize_field(name.text(), value))?;
                state.end()
            }
        }
    }
}

fn float(value: f64) -> Value {
    // A float's place among the values is taken by its bits, so that a NaN is equal to itself.
    let bits = match value {
        value if value == 0.0 => 0,
        value if value.is_nan() => u64::MAX,
        value => value.to_bits(),
    };
    Value::NewtypeVariant(Name::Empty, Value::Seq(vec![Value::Bool(true), Value::U64(bits)]).into())
}

/// What an encoding stands for: integers without their width, floats by canonical bits, maps in order.
fn normal(value: &Value) -> Value {
    let all = |values: &[Value]| values.iter().map(normal).collect();
    let named = |fields: &[(Name, Value)]| fields.iter().map(|(name, value)| (*name, normal(value))).collect();
    match value {
        Value::U8(integer) => Value::U128((*integer).into()),
        Value::U64(integer) => Value::U128((*integer).into()),
        Value::I64(integer) => normal(&Value::I128((*integer).into())),
        Value::I128(integer) => u128::try_from(*integer).map_or(Value::I128(*integer), Value::U128),
        Value::F32(value) => float((*value).into()),
        Value::F64(value) => float(*value),
        Value::Some(value) => Value::Some(normal(value).into()),
        Value::Seq(values) => Value::Seq(all(values)),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (normal(key), normal(value))).collect();
            entries.sort_by(|one, two| one.partial_cmp(two).expect("no float is left"));
            Value::Map(entries)
        }
        Value::Struct(fields) => Value::Struct(named(fields)),
        Value::NewtypeVariant(name, value) => Value::NewtypeVariant(*name, normal(value).into()),
        Value::TupleVariant(name, values) => Value::TupleVariant(*name, all(values)),
        Value::StructVariant(name, fields) => Value::StructVariant(*name, named(fields)),
        leaf => leaf.clone(),
    }
}

fuzz_target!(|input: (Value, Value, &str)| {
    let (one, two, path) = input;
    let (first, second) = (fuzzing::encoding(&one), fuzzing::encoding(&two));
    if normal(&one) == normal(&two) {
        assert_eq!(first, second);
    } else {
        assert!(!first.starts_with(&second) && !second.starts_with(&first), "{one:?} and {two:?}");
    }
    assert_eq!(first == second, fuzzing::digest(&one) == fuzzing::digest(&two));
    assert!(fuzzing::identity(path).ends_with("name"));
});
