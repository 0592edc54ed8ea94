//! What the encoding of keys promises: golden digests, and that it can be read back in one way only.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use proptest::prelude::*;
use serde::ser::{SerializeMap, SerializeStruct, SerializeStructVariant, SerializeTupleVariant};
use serde::{Serialize, Serializer};
use sha2::Digest as _;

use super::*;

fn site() -> SiteDigest {
    SiteDigest::new("user", "shop::get_user")
}

fn digest<P: Serialize + ?Sized>(part: &P) -> Digest {
    let mut hasher = KeyHasher::new(&site());
    hasher.part(part);
    hasher.finish().unwrap()
}

/// Serialized by its text.
struct Displayed<'a>(&'a str);

impl Serialize for Displayed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Two writes, as the pieces must not depend on them.
        let (start, end) = self.0.split_at(self.0.len() / 2);
        serializer.collect_str(&format_args!("{start}{end}"))
    }
}

struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[derive(Serialize)]
struct Row {
    id: u16,
    name: Option<&'static str>,
}

#[derive(Serialize)]
struct Newtype(u32);

#[derive(Serialize)]
enum Shape {
    Unit,
    Newtype(u8),
    Tuple(u8, &'static str),
    Struct { id: u8 },
}

/// The parts behind each name in `testdata/keys.txt`, which `testdata/keys.py` made.
fn golden() -> Vec<(&'static str, Result<Digest, crate::Error>)> {
    let key = |add: &dyn Fn(&mut KeyHasher)| {
        let mut hasher = KeyHasher::new(&site());
        add(&mut hasher);
        hasher.finish()
    };
    let nested = HashMap::from([(300, true), (2, false)]);
    let mut other = KeyHasher::new(&SiteDigest::new("users", "shop::get_user"));
    other.part(&42);
    let map = Entries(vec![("b".into(), Value::Integer(1)), ("a".into(), Value::from(nested))]);
    vec![
        ("no parts", key(&|_| ())),
        ("another prefix", other.finish()),
        ("made by hand", Key::new("user", &(42, "en")).map(|key| *key.digest())),
        ("0", key(&|k| k.part(&0_i8))),
        ("42", key(&|k| k.part(&42_u8))),
        ("256", key(&|k| k.part(&256_i32))),
        ("u64::MAX", key(&|k| k.part(&u64::MAX))),
        ("u128::MAX", key(&|k| k.part(&u128::MAX))),
        ("-1", key(&|k| k.part(&-1_i16))),
        ("i64::MIN", key(&|k| k.part(&i64::MIN))),
        ("i128::MIN", key(&|k| k.part(&i128::MIN))),
        ("false, true", key(&|k| [false, true].iter().for_each(|b| k.part(b)))),
        ("1.5", key(&|k| k.part(&1.5_f32))),
        ("zero", key(&|k| k.part(&-0.0_f64))),
        ("nan", key(&|k| k.part(&f64::from_bits(0xfff8_0000_0000_0001)))),
        ("char", key(&|k| k.part(&'ß'))),
        ("42, en", key(&|k| [&42 as &dyn Part, &"en"].iter().for_each(|p| p.add(k)))),
        ("a, bc", key(&|k| ["a", "bc"].iter().for_each(|p| k.part(p)))),
        ("ab, c", key(&|k| ["ab", "c"].iter().for_each(|p| k.part(p)))),
        ("200 bytes of text", key(&|k| k.part(&"x".repeat(200)))),
        ("displayed", key(&|k| k.part(&Displayed("10.0.0.1")))),
        ("64 displayed", key(&|k| k.part(&Displayed(&"x".repeat(64))))),
        ("bytes", key(&|k| k.part(&Bytes(&[0, 255])))),
        ("unit", key(&|k| k.part(&()))),
        ("none", key(&|k| k.part(&None::<u8>))),
        ("some none", key(&|k| k.part(&Some(None::<u8>)))),
        ("seq", key(&|k| k.part(&vec![1, 2, 3]))),
        ("map", key(&|k| k.part(&map))),
        ("struct", key(&|k| k.part(&Row { id: 7, name: Some("x") }))),
        ("newtype", key(&|k| k.part(&Newtype(7)))),
        ("unit variant", key(&|k| k.part(&Shape::Unit))),
        ("newtype variant", key(&|k| k.part(&Shape::Newtype(7)))),
        ("tuple variant", key(&|k| k.part(&Shape::Tuple(7, "x")))),
        ("struct variant", key(&|k| k.part(&Shape::Struct { id: 7 }))),
    ]
}

trait Part {
    fn add(&self, hasher: &mut KeyHasher);
}

impl<T: Serialize> Part for T {
    fn add(&self, hasher: &mut KeyHasher) {
        hasher.part(self);
    }
}

#[test]
fn digests_are_the_golden_ones() {
    let table = include_str!("../../testdata/keys.txt");
    let made: Vec<_> =
        golden().into_iter().map(|(name, digest)| format!("{} {name}", digest.unwrap().to_hex())).collect();
    assert_eq!(made, table.lines().collect::<Vec<_>>());
}

#[test]
fn equal_values_are_equal_keys_in_whatever_they_are_kept() {
    assert_eq!(digest(&5_u8), digest(&5_i64));
    assert_eq!(digest(&5_u8), digest(&5_u128));
    assert_eq!(digest(&-5_i8), digest(&-5_i128));
    assert_eq!(digest("x"), digest(&&String::from("x")));
    assert_eq!(digest(&[1, 2][..]), digest(&vec![1, 2]));
    assert_eq!(digest(&1.5_f32), digest(&1.5_f64));
    assert_eq!(digest(&0.0_f64), digest(&-0.0_f32));
    assert_eq!(digest(&f32::NAN), digest(&-f64::NAN));
    assert_eq!(digest(&Box::new(Newtype(7))), digest(&7));
}

#[test]
fn different_values_are_different_keys() {
    let keys = [
        digest(&("a", "bc")),
        digest(&("ab", "c")),
        digest(&("abc", "")),
        digest(&(("a",), "bc")),
        digest(&1),
        digest(&-1),
        digest(&true),
        digest(&1.0),
        digest(&'1'),
        digest("1"),
        digest(&Bytes(b"1")),
        digest(&Some(1)),
        digest(&Some(Some(1))),
        digest(&None::<u8>),
        digest(&()),
        digest(&[0_u8; 0]),
        digest(&BTreeMap::<u8, u8>::new()),
        digest(&BTreeMap::from([("id", 7)])),
        digest(&Shape::Unit),
        digest("Unit"),
    ];
    for (index, key) in keys.iter().enumerate() {
        assert!(!keys[index + 1..].contains(key), "{index}");
    }
}

#[test]
fn a_field_that_is_skipped_is_not_the_next_one() {
    #[derive(Serialize)]
    struct Skips {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<u8>,
    }
    assert_ne!(digest(&Skips { a: Some(1), b: None }), digest(&Skips { a: None, b: Some(1) }));
}

#[test]
fn a_sequence_needs_no_length() {
    struct Endless;
    impl Serialize for Endless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut seq = serializer.serialize_seq(None)?;
            seq.serialize_element(&1)?;
            seq.serialize_element(&2)?;
            seq.end()
        }
    }
    assert_eq!(digest(&Endless), digest(&(1, 2)));
}

/// Fails, if asked to within a map.
struct Fails {
    open: bool,
}

impl Serialize for Fails {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.open {
            serializer.serialize_map(None)?.serialize_key("open")?;
        }
        Err(serde::ser::Error::custom("never"))
    }
}

/// Hides the failure of an element.
struct Swallows(Fails);

impl Serialize for Swallows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq;
        let mut seq = serializer.serialize_seq(None)?;
        let _ = seq.serialize_element(&self.0);
        seq.end()
    }
}

#[test]
fn a_failure_is_remembered() {
    for open in [false, true] {
        let mut hasher = KeyHasher::new(&site());
        hasher.part(&Swallows(Fails { open }));
        hasher.part(&1);
        assert_eq!(hasher.finish().unwrap_err().kind(), crate::ErrorKind::Encode);
    }
}

#[test]
fn long_and_short_writes_meet_every_boundary() {
    for length in 0..300 {
        for before in [0, 1, 63, 64, 95, 96, 97] {
            let (first, second) = ("y".repeat(before), "x".repeat(length));
            let mut bytes = site().bytes().to_vec();
            bytes.extend(encoding(&(&first, &second, Displayed(&second), u64::MAX)));
            let mut hasher = KeyHasher::new(&site());
            hasher.part(&(&first, &second, Displayed(&second), u64::MAX));
            assert_eq!(hasher.finish().unwrap().to_hex(), hex(&sha2::Sha256::digest(&bytes)), "{before} {length}");
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

/// Everything that serde knows, in the shape in which the encoding tells it apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Integer(i128),
    Bool(bool),
    /// Canonical bits.
    Float(u64),
    Char(char),
    Str(String),
    Text(String),
    Bytes(Vec<u8>),
    Unit,
    None,
    Some(Box<Value>),
    Seq(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Struct(Vec<(&'static str, Value)>),
    UnitVariant(&'static str),
    NewtypeVariant(&'static str, Box<Value>),
    TupleVariant(&'static str, Vec<Value>),
    StructVariant(&'static str, Vec<(&'static str, Value)>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<HashMap<i128, bool>> for Value {
    fn from(map: HashMap<i128, bool>) -> Self {
        Self::Map(map.into_iter().map(|(key, value)| (Self::Integer(key), Self::Bool(value))).collect())
    }
}

/// A map as it is serialized, in whatever order.
struct Entries(Vec<(Value, Value)>);

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Integer(integer) => match i64::try_from(*integer) {
                Ok(integer) => serializer.serialize_i64(integer),
                Err(_) => serializer.serialize_i128(*integer),
            },
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Float(bits) => serializer.serialize_f64(f64::from_bits(*bits)),
            Self::Char(char) => serializer.serialize_char(*char),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Text(text) => Displayed(text).serialize(serializer),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Unit => serializer.serialize_unit(),
            Self::None => serializer.serialize_none(),
            Self::Some(value) => serializer.serialize_some(value),
            Self::Seq(values) => serializer.collect_seq(values),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
            Self::Struct(fields) => {
                let mut state = serializer.serialize_struct("S", fields.len())?;
                for (name, value) in fields {
                    state.serialize_field(name, value)?;
                }
                state.end()
            }
            Self::UnitVariant(name) => serializer.serialize_unit_variant("E", 0, name),
            Self::NewtypeVariant(name, value) => serializer.serialize_newtype_variant("E", 0, name, value),
            Self::TupleVariant(name, values) => {
                let mut state = serializer.serialize_tuple_variant("E", 0, name, values.len())?;
                for value in values {
                    state.serialize_field(value)?;
                }
                state.end()
            }
            Self::StructVariant(name, fields) => {
                let mut state = serializer.serialize_struct_variant("E", 0, name, fields.len())?;
                for (name, value) in fields {
                    state.serialize_field(name, value)?;
                }
                state.end()
            }
        }
    }
}

/// Reads an encoding back, by the table in `format.rs`.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (now, rest) = self.0.split_at(length);
        self.0 = rest;
        now
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn integer(&mut self, size: u8) -> i128 {
        let mut bytes = [0; 16];
        let digits = self.take(size.into());
        assert_ne!(digits.last(), Some(&0), "leading zeros are not canonical");
        bytes[..digits.len()].copy_from_slice(digits);
        u128::from_le_bytes(bytes).cast_signed()
    }

    fn sized(&mut self) -> &'a [u8] {
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return self.take(length);
            }
        }
    }

    fn name(&mut self) -> &'static str {
        let name = self.sized();
        NAMES.iter().find(|known| known.as_bytes() == name).unwrap()
    }

    fn until_end<T>(&mut self, mut read: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut all = Vec::new();
        while self.0[0] != 0x51 {
            all.push(read(self));
        }
        self.take(1);
        all
    }

    fn text(&mut self) -> String {
        let mut text = Vec::new();
        loop {
            let length = usize::from(self.byte());
            text.extend_from_slice(self.take(length));
            if length < 64 {
                return String::from_utf8(text).unwrap();
            }
        }
    }

    fn field(&mut self) -> (&'static str, Value) {
        assert_eq!(self.byte(), 0x44);
        (self.name(), self.value())
    }

    fn value(&mut self) -> Value {
        match self.byte() {
            size @ 0..=0x10 => Value::Integer(self.integer(size)),
            size @ 0x21..=0x30 => Value::Integer(self.integer(size - 0x20).wrapping_neg()),
            bool @ 0x40..=0x41 => Value::Bool(bool == 0x41),
            0x42 => Value::Float(u64::from_le_bytes(self.take(8).try_into().unwrap())),
            0x43 => Value::Char(u32::from_le_bytes(self.take(4).try_into().unwrap()).try_into().unwrap()),
            0x44 => Value::Str(String::from_utf8(self.sized().to_vec()).unwrap()),
            0x45 => Value::Text(self.text()),
            0x46 => Value::Bytes(self.sized().to_vec()),
            0x47 => Value::Unit,
            0x48 => Value::None,
            0x49 => Value::Some(self.value().into()),
            0x4a => Value::Seq(self.until_end(Self::value)),
            0x4b => Value::Map(self.until_end(|reader| (reader.value(), reader.value()))),
            0x4c => Value::Struct(self.until_end(Self::field)),
            0x4d => Value::UnitVariant(self.name()),
            0x4e => Value::NewtypeVariant(self.name(), self.value().into()),
            0x4f => Value::TupleVariant(self.name(), self.until_end(Self::value)),
            0x50 => Value::StructVariant(self.name(), self.until_end(Self::field)),
            tag => panic!("no such tag: {tag:#x}"),
        }
    }
}

const NAMES: [&str; 4] = ["", "a", "ab", "b"];

fn name() -> prop::sample::Select<&'static str> {
    prop::sample::select(&NAMES[..])
}

/// Small alphabets, so that equal and nearly equal values are common.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[ab]{0,3}", "[D-Q]{0,3}", "x{60,140}"];
    let leaf = prop_oneof![
        prop_oneof![-3..3_i128, any::<i128>(), (0..127_u32).prop_map(|shift| 1 << shift)].prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Bool),
        prop::sample::select(vec![0.0_f64, 1.0, f64::INFINITY]).prop_map(|float| Value::Float(float.to_bits())),
        prop::char::range('a', 'b').prop_map(Value::Char),
        text.clone().prop_map(Value::Str),
        text.prop_map(Value::Text),
        prop::collection::vec(0x40..0x52_u8, 0..3).prop_map(Value::Bytes),
        Just(Value::Unit),
        Just(Value::None),
        name().prop_map(Value::UnitVariant),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let seq = prop::collection::vec(inner.clone(), 0..4);
        let fields = prop::collection::vec((name(), inner.clone()), 0..3);
        prop_oneof![
            inner.clone().prop_map(|value| Value::Some(value.into())),
            seq.clone().prop_map(Value::Seq),
            prop::collection::vec((inner.clone(), inner.clone()), 0..4).prop_map(Value::Map),
            fields.clone().prop_map(Value::Struct),
            (name(), inner).prop_map(|(name, value)| Value::NewtypeVariant(name, value.into())),
            (name(), seq).prop_map(|(name, values)| Value::TupleVariant(name, values)),
            (name(), fields).prop_map(|(name, fields)| Value::StructVariant(name, fields)),
        ]
    })
}

/// The value with its maps in the order of a set of entries, for comparison.
fn normal(value: &Value) -> Value {
    let all = |values: &[Value]| values.iter().map(normal).collect();
    let named = |fields: &[(&'static str, Value)]| fields.iter().map(|(name, value)| (*name, normal(value))).collect();
    match value {
        Value::Some(value) => Value::Some(normal(value).into()),
        Value::Seq(values) => Value::Seq(all(values)),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(key, value)| (normal(key), normal(value))).collect();
            entries.sort();
            Value::Map(entries)
        }
        Value::Struct(fields) => Value::Struct(named(fields)),
        Value::NewtypeVariant(name, value) => Value::NewtypeVariant(name, normal(value).into()),
        Value::TupleVariant(name, values) => Value::TupleVariant(name, all(values)),
        Value::StructVariant(name, fields) => Value::StructVariant(name, named(fields)),
        leaf => leaf.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// So different values have different encodings, and no encoding is the beginning of another one.
    #[test]
    fn an_encoding_reads_back_as_its_value(value in value()) {
        let bytes = encoding(&value);
        let mut reader = Reader(&bytes);
        prop_assert_eq!(normal(&reader.value()), normal(&value));
        prop_assert!(reader.0.is_empty());
    }

    #[test]
    fn keys_are_equal_if_and_only_if_the_values_are(one in value(), two in value()) {
        prop_assert_eq!(digest(&one) == digest(&two), normal(&one) == normal(&two));
    }

    #[test]
    fn the_digest_is_the_hash_of_site_and_encoding(value in value()) {
        let mut bytes = site().bytes().to_vec();
        bytes.extend(encoding(&value));
        prop_assert_eq!(digest(&value).to_hex(), hex(&sha2::Sha256::digest(&bytes)));
    }

    #[test]
    fn a_map_is_itself_in_any_order(
        map in prop::collection::hash_map("[a-c]{0,2}", prop::collection::hash_map(any::<i64>(), any::<u8>(), 0..4), 0..6),
    ) {
        let sorted: BTreeMap<_, BTreeMap<_, _>> = map.iter().map(|(key, value)| (key, value.iter().collect())).collect();
        let again: HashMap<_, _> = map.iter().collect();
        prop_assert_eq!(digest(&map), digest(&sorted));
        prop_assert_eq!(digest(&map), digest(&again));
    }
}
