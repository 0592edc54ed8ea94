use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use serde::Serialize;

use super::{Kind, print};
use crate::ErrorKind;

fn hash<T: Serialize + ?Sized>(value: &T) -> u64 {
    print(value, false).unwrap().hash
}

#[derive(Clone, Serialize)]
struct User {
    id: u64,
    name: String,
    tags: Vec<String>,
}

fn user() -> User {
    User { id: 7, name: "Ada Lovelace".into(), tags: vec!["staff".into(), "admin".into()] }
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(f64),
    Line(f32, f32),
    Box { width: u8, height: u8 },
}

#[test]
fn prints_are_the_golden_ones() {
    let golden: Vec<(u64, u64)> = vec![
        (hash(&()), 0xa7bb_dc19_eadb_dc36),
        (hash(&true), 0x69d4_cdfa_cbf7_ae75),
        (hash(&-1_i8), 0x2d0b_72fe_d4bd_08dd),
        (hash(&-1_i64), 0xe936_34ca_da14_2c20),
        (hash(&i128::MIN), 0xf916_43fa_0e07_24cc),
        (hash(&42_u64), 0x72f5_cec9_0613_77f7),
        (hash(&u128::MAX), 0x11e9_0a22_4a77_9698),
        (hash(&1.5_f32), 0x21b5_189d_a0d9_6e81),
        (hash(&-0.0_f64), 0x06bb_9393_c5dc_f947),
        (hash(&'ß'), 0xc16c_0261_f54d_2bf9),
        (hash(""), 0xf45e_5863_8aa5_0961),
        (hash("ab"), 0x5cd6_210d_f4b7_0afb),
        (hash("abcdef"), 0xc785_a199_95ba_cc9e),
        (hash("abcdefghij"), 0x03e0_781e_7bd7_b277),
        (hash("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"), 0xdca4_e781_7b59_db5b),
        (hash(&None::<u8>), 0x22b1_9f0e_68f3_98d5),
        (hash(&Some(1_u8)), 0x3a8a_672d_7fe2_8f2f),
        (hash(&(1_u8, "a")), 0x9cd8_3ab6_8c3c_2229),
        (hash(&vec![1_u16, 2, 3]), 0x48be_cbce_9033_6e87),
        (hash(&BTreeMap::from([("a", 1_u32), ("b", 2)])), 0xa587_b05b_19a6_a093),
        (hash(&user()), 0x6852_3f0a_9bb1_da40),
        (hash(&Shape::Point), 0x3edc_5090_50f2_90a9),
        (hash(&Shape::Circle(1.0)), 0x094b_f8ac_8ab6_d8ac),
        (hash(&Shape::Line(0.0, 1.0)), 0xdba9_b092_17c5_d1af),
        (hash(&Shape::Box { width: 1, height: 2 }), 0xcefd_b87f_6593_89f4),
    ];
    for (index, (made, pinned)) in golden.into_iter().enumerate() {
        assert_eq!(made, pinned, "print {index}: {made:#x}");
    }
}

#[test]
fn a_changed_type_prints_differently() {
    #[derive(Serialize)]
    struct Swapped {
        name: String,
        id: u64,
        tags: Vec<String>,
    }
    #[derive(Serialize)]
    #[serde(rename = "User")]
    struct Renamed {
        id: u64,
        title: String,
        tags: Vec<String>,
    }
    #[derive(Serialize)]
    #[serde(rename = "User")]
    struct Narrowed {
        id: u32,
        name: String,
        tags: Vec<String>,
    }
    #[derive(Serialize)]
    #[serde(rename = "User")]
    struct Grown {
        id: u64,
        name: String,
        tags: Vec<String>,
        active: Option<bool>,
    }
    #[derive(Serialize)]
    #[serde(rename = "Shape")]
    enum Other {
        Dot,
    }
    let User { id, name, tags } = user();
    let prints = [
        hash(&user()),
        hash(&Swapped { id, name: name.clone(), tags: tags.clone() }),
        hash(&Renamed { id, title: name.clone(), tags: tags.clone() }),
        hash(&Narrowed { id: 7, name: name.clone(), tags: tags.clone() }),
        hash(&Grown { id, name: name.clone(), tags: tags.clone(), active: None }),
        hash(&(id, &name, &tags)),
        hash(&Shape::Point),
        hash(&Other::Dot),
    ];
    assert_eq!(HashSet::from(prints).len(), prints.len());
}

/// The values that bincode confuses without an error: `{a: None, b: 1, c: [5, 0]}` read as `{a: Some(2), b: 5, c: []}`.
#[test]
fn a_misread_value_prints_differently() {
    #[derive(Serialize)]
    struct Skips {
        #[serde(skip_serializing_if = "Option::is_none")]
        a: Option<u8>,
        b: u8,
        c: Vec<u8>,
    }
    let stored = Skips { a: None, b: 1, c: vec![5, 0] };
    assert_ne!(hash(&stored), hash(&Skips { a: Some(2), b: 5, c: vec![] }));
}

#[test]
fn every_kind_counts() {
    let prints = [
        hash(&1_u8),
        hash(&1_u16),
        hash(&1_u32),
        hash(&1_u64),
        hash(&1_u128),
        hash(&1_i8),
        hash(&1_i16),
        hash(&1_i32),
        hash(&1_i64),
        hash(&1_i128),
        hash(&true),
        hash(&1.0_f32),
        hash(&1.0_f64),
        hash(&'\u{1}'),
        hash("\u{1}"),
        hash(&Some(1_u8)),
        hash(&Some(Some(1_u8))),
        hash(&[1_u8]),
        hash(&vec![1_u8]),
        hash(&vec![vec![1_u8]]),
        hash(&BTreeMap::from([(1_u8, 1_u8)])),
        hash(&()),
        hash(&None::<u8>),
    ];
    assert_eq!(HashSet::from(prints).len(), prints.len());
    assert!(size_of::<Kind>() == 1);
}

#[test]
fn sums_of_small_numbers_do_not_collide() {
    let pairs: Vec<_> = (0..512_u64).flat_map(|a| (a..512).map(move |b| [a, b])).collect();
    let prints: HashSet<_> = pairs.iter().map(|pair| hash(&pair[..])).collect();
    assert_eq!(prints.len(), pairs.len());
}

#[test]
fn nesting_counts() {
    assert_ne!(hash(&vec![vec![1, 2], vec![3]]), hash(&vec![vec![1], vec![2, 3]]));
    assert_ne!(hash(&vec![vec![1], vec![]]), hash(&vec![vec![1]]));
    assert_ne!(hash(&BTreeMap::from([(1, 2), (3, 4)])), hash(&BTreeMap::from([(1, 4), (3, 2)])));
    assert_ne!(hash(&("a", "bc")), hash(&("ab", "c")));
}

#[test]
fn a_print_sees_what_its_codec_sees() {
    let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
    assert_ne!(print(&ip, true).unwrap().hash, print(&ip, false).unwrap().hash);
    assert_eq!(print(&ip, true).unwrap().hash, hash("127.0.0.1"));
}

#[test]
fn a_size_is_about_what_is_stored() {
    assert_eq!(print(&user(), false).unwrap().size, 8 + 13 + 1 + 6 + 6);
    assert_eq!(print(&Some('x'), false).unwrap().size, 5);
    assert_eq!(print(&Shape::Box { width: 1, height: 2 }, false).unwrap().size, 3);
}

#[test]
fn a_failure_is_an_error_without_the_value() {
    struct Secret;
    impl Serialize for Secret {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("s3cret"))
        }
    }
    let error = print(&vec![Secret], false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

proptest! {
    #[test]
    fn unordered_collections_print_the_same_in_any_order(entries in prop::collection::hash_map("[a-z]{0,20}", any::<i32>(), 0..12)) {
        let again: HashMap<_, _> = entries.clone().into_iter().collect();
        let sorted: BTreeMap<_, _> = entries.clone().into_iter().collect();
        prop_assert_eq!(hash(&entries), hash(&again));
        prop_assert_eq!(hash(&entries), hash(&sorted));
        let keys: HashSet<_> = entries.keys().collect();
        prop_assert_eq!(hash(&keys), hash(&sorted.keys().rev().collect::<Vec<_>>()));
    }

    #[test]
    fn every_byte_of_a_string_counts(text in "[ -~]{1,80}", at in any::<prop::sample::Index>()) {
        let mut other = text.clone().into_bytes();
        let at = at.index(other.len());
        other[at] ^= 1;
        prop_assert_ne!(hash(&text), hash(std::str::from_utf8(&other).unwrap()));
    }
}
