//! What every codec promises, on friendly and on hostile bytes.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Debug};
use std::net::IpAddr;

use proptest::prelude::*;
use serde::de::{DeserializeOwned, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::Codec;
use crate::ErrorKind;

fn codecs() -> Vec<Codec> {
    (0..=u8::MAX).filter_map(Codec::from_id).collect()
}

fn encode<T: Serialize + ?Sized>(codec: Codec, value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec.encode_into(value, &mut bytes, usize::MAX).unwrap();
    bytes
}

fn is_refused<T: DeserializeOwned + Debug>(codec: Codec, bytes: &[u8]) -> bool {
    codec.decode::<T>(bytes).is_err_and(|error| error.kind() == ErrorKind::Decode)
}

/// A declared length, as each codec writes one; JSON has none.
fn length(codec: Codec, length: u64) -> Vec<u8> {
    match codec.name() {
        "bincode" => [&[253][..], &length.to_le_bytes()].concat(),
        "postcard" => {
            let (mut left, mut bytes) = (length, Vec::new());
            while left >= 0x80 {
                bytes.push(left as u8 | 0x80);
                left >>= 7;
            }
            bytes.push(left as u8);
            bytes
        }
        _ => b"[".to_vec(),
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(i8, Box<Shape>),
    Box { width: u8, height: Option<u128> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(i64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Everything {
    id: u64,
    name: String,
    small: (bool, u8, i16, char, f32),
    raw: Vec<u8>,
    boxed: Box<str>,
    map: HashMap<String, Vec<Newtype>>,
    sorted: BTreeMap<u32, Newtype>,
    shapes: Vec<Shape>,
    maybe: Option<(Option<u8>,)>,
    ip: IpAddr,
    unit: (),
    array: [u16; 3],
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        prop::num::f64::NORMAL.prop_map(Shape::Circle),
        (any::<u8>(), any::<Option<u128>>()).prop_map(|(width, height)| Shape::Box { width, height }),
    ];
    leaf.prop_recursive(3, 8, 1, |inner| (any::<i8>(), inner).prop_map(|(at, shape)| Shape::Line(at, shape.into())))
}

prop_compose! {
    fn everything()(
        (id, name, raw, ip) in any::<(u64, String, Vec<u8>, IpAddr)>(),
        small in (any::<bool>(), any::<u8>(), any::<i16>(), any::<char>(), prop::num::f32::NORMAL),
        boxed in any::<String>(),
        map in prop::collection::hash_map(any::<String>(), prop::collection::vec(any::<i64>().prop_map(Newtype), 0..4), 0..4),
        sorted in prop::collection::btree_map(any::<u32>(), any::<i64>().prop_map(Newtype), 0..4),
        shapes in prop::collection::vec(shape(), 0..4),
        (maybe, array) in any::<(Option<(Option<u8>,)>, [u16; 3])>(),
    ) -> Everything {
        Everything { id, name, small, raw, boxed: boxed.into(), map, sorted, shapes, maybe, ip, unit: (), array }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_value_reads_back(value in everything()) {
        for codec in codecs() {
            prop_assert_eq!(&codec.decode::<Everything>(&encode(codec, &value)).unwrap(), &value);
        }
    }

    #[test]
    fn any_bytes_give_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for codec in codecs() {
            let _ = codec.decode::<Everything>(&bytes);
            let _ = codec.decode::<Nest>(&bytes);
            let _ = codec.decode::<HashMap<String, Vec<()>>>(&bytes);
            let _ = codec.decode::<Option<Shape>>(&bytes);
        }
    }

    #[test]
    fn a_changed_encoding_gives_a_value_or_an_error(
        value in everything(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for codec in codecs() {
            let mut bytes = encode(codec, &value);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = codec.decode::<Everything>(&bytes);
        }
    }
}

#[test]
fn names_and_ids_lead_back_to_the_codec() {
    assert_eq!(Codec::default_codec(), Some(Codec::default()));
    for codec in codecs() {
        assert_eq!(codec.name().parse::<Codec>().unwrap(), codec);
        assert_eq!(Codec::from_id(codec.id()), Some(codec));
    }
}

#[test]
fn an_unknown_codec_is_an_error_that_lists_the_known_ones() {
    let error = "yaml".parse::<Codec>().unwrap_err();
    let known: Vec<_> = codecs().into_iter().map(Codec::name).collect();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(error.to_string(), format!("unknown codec \"yaml\"; there is: {}", known.join(", ")));
}

#[test]
fn trailing_bytes_are_an_error() {
    for codec in codecs() {
        let mut bytes = encode(codec, &7_u8);
        bytes.push(b'7');
        bytes.push(b'{');
        assert!(is_refused::<u8>(codec, &bytes), "{codec}");
    }
}

#[test]
fn encoding_stops_at_the_limit() {
    struct Counted<'a>(&'a Cell<u32>);
    impl Serialize for Counted<'_> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.set(self.0.get() + 1);
            serializer.serialize_str("0123456789")
        }
    }
    for codec in codecs() {
        let visits = Cell::new(0);
        let value: Vec<_> = (0..100_000).map(|_| Counted(&visits)).collect();
        let mut bytes = b"before".to_vec();
        let error = codec.encode_into(&value, &mut bytes, 100).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{codec}");
        assert_eq!(bytes, b"before");
        assert!(visits.get() <= 10, "{codec}");

        let exact = encode(codec, "0123456789").len();
        assert!(codec.encode_into("0123456789", &mut bytes, exact).is_ok(), "{codec}");
        let error = codec.encode_into("0123456789", &mut bytes, exact - 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{codec}");
        assert_eq!(bytes.len(), 6 + exact);
    }
}

#[test]
fn errors_do_not_hold_the_value() {
    #[derive(Debug, Deserialize)]
    enum Level {
        Low,
    }
    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("s3cret"))
        }
    }
    assert!(matches!(Level::Low, Level::Low));
    for codec in codecs() {
        let decoding = codec.decode::<Level>(&encode(codec, "s3cret")).unwrap_err();
        let encoding = codec.encode_into(&Secret, &mut Vec::new(), 100).unwrap_err();
        assert_eq!(encoding.kind(), ErrorKind::Encode);
        assert!(!format!("{decoding} {decoding:?} {encoding} {encoding:?}").contains("s3cret"), "{codec}");
    }
}

#[test]
fn a_declared_length_is_not_believed() {
    for codec in codecs() {
        for declared in [1 << 32, 1 << 60, u64::MAX] {
            let bytes = length(codec, declared);
            assert!(is_refused::<String>(codec, &bytes), "{codec}");
            assert!(is_refused::<Box<str>>(codec, &bytes), "{codec}");
            assert!(is_refused::<Vec<u8>>(codec, &bytes), "{codec}");
            assert!(is_refused::<Vec<Everything>>(codec, &bytes), "{codec}");
            assert!(is_refused::<HashMap<u64, u64>>(codec, &bytes), "{codec}");
            assert!(is_refused::<std::ffi::CString>(codec, &bytes), "{codec}");
        }
    }
}

#[test]
#[expect(clippy::zero_sized_map_values, reason = "a map whose entries take no bytes is the hostile case")]
fn elements_without_bytes_do_not_loop() {
    for codec in codecs().into_iter().filter(|codec| !codec.is_human_readable()) {
        for declared in [1 << 20, 1 << 40, u64::MAX] {
            let bytes = length(codec, declared);
            assert!(is_refused::<Vec<()>>(codec, &bytes), "{codec}");
            assert!(is_refused::<Vec<[(); 8]>>(codec, &bytes), "{codec}");
            assert!(is_refused::<HashMap<(), ()>>(codec, &bytes), "{codec}");
        }
        let units = vec![(); 60_000];
        assert_eq!(codec.decode::<Vec<()>>(&encode(codec, &units)).unwrap(), units);
        let many = vec![((), 1_u8, ()); 200_000];
        assert_eq!(codec.decode::<Vec<((), u8, ())>>(&encode(codec, &many)).unwrap(), many);
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

#[derive(Debug, Serialize, Deserialize)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Bare {
    next: Option<Box<Bare>>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node { child: Box<Tree> },
    Wrap(Box<Tree>),
    Pair(u8, Box<Tree>),
}

#[test]
fn depth_does_not_overflow_the_stack() {
    for codec in codecs() {
        let (nest, chain, trees) = match codec.name() {
            "json" => (
                "[".repeat(100_000).into_bytes(),
                Vec::new(),
                [r#"{"Node":{"child":"#, r#"{"Wrap":"#, r#"{"Pair":[1,"#]
                    .map(|start| start.repeat(100_000).into_bytes()),
            ),
            // Lengths and options of one, and numbers of variants.
            _ => (vec![1; 100_000], vec![1; 100_000], [vec![1; 100_000], vec![2; 100_000], vec![3; 200_000]]),
        };
        assert!(is_refused::<Nest>(codec, &nest), "{codec}");
        assert!(is_refused::<Chain>(codec, &chain), "{codec}");
        assert!(is_refused::<Bare>(codec, &chain), "{codec}");
        for tree in trees {
            assert!(is_refused::<Tree>(codec, &tree), "{codec}");
        }
    }
}

#[test]
fn values_may_be_nested_as_deep_as_promised() {
    fn nested(depth: usize) -> Vec<Option<Tree>> {
        let tree = (0..depth).fold(Tree::Leaf, |tree, _| Tree::Wrap(tree.into()));
        vec![Some(tree)]
    }
    for codec in codecs() {
        assert!(codec.decode::<Vec<Option<Tree>>>(&encode(codec, &nested(120))).is_ok(), "{codec}");
        assert!(is_refused::<Vec<Option<Tree>>>(codec, &encode(codec, &nested(128))), "{codec}");
    }
}

thread_local! {
    static RESERVED: Cell<usize> = const { Cell::new(0) };
}

/// Believes every hint, and remembers how much it was told.
#[derive(Debug)]
struct Believer;

impl<'de> Deserialize<'de> for Believer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Believes;
        impl<'de> Visitor<'de> for Believes {
            type Value = Believer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Believer, A::Error> {
                RESERVED.set(RESERVED.get().saturating_add(access.size_hint().unwrap_or(0)));
                while access.next_element::<Believer>()?.is_some() {}
                Ok(Believer)
            }
        }
        deserializer.deserialize_seq(Believes)
    }
}

#[test]
fn all_that_is_reserved_ahead_is_no_more_than_the_bytes() {
    for codec in codecs() {
        RESERVED.set(0);
        let bytes = length(codec, 1 << 30).repeat(100);
        assert!(is_refused::<Believer>(codec, &bytes), "{codec}");
        assert!(RESERVED.get() <= bytes.len(), "{codec}: {}", RESERVED.get());
    }
}
