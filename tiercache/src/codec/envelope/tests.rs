use proptest::prelude::*;

use super::*;

fn header() -> Header {
    Header {
        absent: false,
        codec: 1,
        version: 2,
        print: 0x0102_0304_0506_0708,
        key_hash: hash_key("shop:user:00"),
        soft_ms: 300_000,
        hard_ms: 900_000,
        load_us: 1_500,
        nonce: 0x1122_3344_5566_7788,
        stamps: vec![(7, 8), (u64::MAX, 0)],
    }
}

fn absence() -> Header {
    Header { absent: true, stamps: Vec::new(), ..header() }
}

fn sealed(header: &Header, payload: &[u8]) -> Vec<u8> {
    seal(header, |out| {
        out.extend_from_slice(payload);
        Ok(())
    })
    .unwrap()
}

/// Makes the checksum right again after a change.
fn resum(bytes: &mut [u8], stamps: usize) {
    let at = FIXED + 16 * stamps + 4;
    let sum = checksum(&bytes[..at], &bytes[at + 4..]);
    bytes[at..at + 4].copy_from_slice(&sum.to_le_bytes());
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn the_bytes_are_the_golden_ones() {
    assert_eq!(
        hex(&sealed(&header(), b"value")),
        concat!(
            "74c7",
            "01",
            "00",
            "01",
            "02000000",
            "0807060504030201",
            "1220c73e486c9ad01e4d6bf4e3bf81e3621d30df6f1270f429d841c30cd31854",
            "e093040000000000",
            "a0bb0d0000000000",
            "dc05000000000000",
            "8877665544332211",
            "02",
            "0700000000000000",
            "0800000000000000",
            "ffffffffffffffff",
            "0000000000000000",
            "05000000",
            "2e5c4eff",
            "76616c7565",
        )
    );
    assert_eq!(
        hex(&sealed(&absence(), b"")),
        concat!(
            "74c7",
            "01",
            "01",
            "01",
            "02000000",
            "0807060504030201",
            "1220c73e486c9ad01e4d6bf4e3bf81e3621d30df6f1270f429d841c30cd31854",
            "e093040000000000",
            "a0bb0d0000000000",
            "dc05000000000000",
            "8877665544332211",
            "00",
            "00000000",
            "f1158caf",
        )
    );
}

#[test]
fn a_foreign_value_is_told_from_an_unknown_format() {
    for foreign in [&b""[..], b"t", b"hello", &[0x74, 0xc8, 1]] {
        assert_eq!(open(foreign), Err(Reject::Foreign));
    }
    let mut newer = sealed(&header(), b"value");
    newer[2] = 2;
    resum(&mut newer, 2);
    assert_eq!(open(&newer), Err(Reject::Format));
}

#[test]
fn an_unknown_flag_is_refused() {
    for bit in 1..8 {
        let mut bytes = sealed(&header(), b"value");
        bytes[3] |= 1 << bit;
        resum(&mut bytes, 2);
        assert_eq!(open(&bytes), Err(Reject::Format));
    }
}

#[test]
fn an_absence_has_no_payload() {
    assert_eq!(open(&sealed(&absence(), b"")), Ok((absence(), &b""[..])));
    let mut bytes = sealed(&header(), b"value");
    bytes[3] = ABSENT;
    resum(&mut bytes, 2);
    assert_eq!(open(&bytes), Err(Reject::Format));
}

#[test]
fn every_flipped_bit_is_found() {
    for (header, payload) in [(header(), &b"value"[..]), (header(), b""), (absence(), b"")] {
        let bytes = sealed(&header, payload);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&flipped).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn every_truncation_and_extension_is_found() {
    let bytes = sealed(&header(), b"value");
    for length in 2..bytes.len() {
        assert_eq!(open(&bytes[..length]), Err(Reject::Format), "{length}");
    }
    for more in 1..20 {
        assert_eq!(open(&[&bytes[..], &vec![0; more]].concat()), Err(Reject::Format), "{more}");
    }
}

#[test]
fn a_failing_payload_is_the_error_of_sealing() {
    let error = seal(&header(), |_| Err(Error::new(ErrorKind::Encode, "no"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Encode);
    let crowded = Header { stamps: vec![(0, 0); 256], ..header() };
    assert_eq!(seal(&crowded, |_| Ok(())).unwrap_err().kind(), ErrorKind::TooLarge);
}

prop_compose! {
    fn headers()(
        (absent, codec, version, print) in any::<(bool, u8, u32, u64)>(),
        key_hash in any::<[u8; 32]>(),
        (soft_ms, hard_ms, load_us, nonce) in any::<(u64, u64, u64, u64)>(),
        stamps in prop::collection::vec(any::<(u64, u64)>(), 0..9),
    ) -> Header {
        Header { absent, codec, version, print, key_hash, soft_ms, hard_ms, load_us, nonce, stamps }
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens(header in headers(), payload in prop::collection::vec(any::<u8>(), 0..200)) {
        let payload = if header.absent { Vec::new() } else { payload };
        let bytes = sealed(&header, &payload);
        prop_assert_eq!(open(&bytes), Ok((header, &payload[..])));
    }

    #[test]
    fn any_flipped_bit_is_found(
        header in headers(),
        payload in prop::collection::vec(any::<u8>(), 0..200),
        bit in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sealed(&header, &payload);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open(&bytes).is_err());
    }

    #[test]
    fn any_bytes_are_refused(mut bytes in prop::collection::vec(any::<u8>(), 0..200), ours in any::<bool>()) {
        if let (true, Some(start)) = (ours, bytes.get_mut(..3)) {
            start.copy_from_slice(&[MAGIC[0], MAGIC[1], FORMAT]);
        }
        prop_assert!(open(&bytes).is_err());
    }
}
