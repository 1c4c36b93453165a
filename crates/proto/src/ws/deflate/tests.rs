use zlib_rs::{Deflate, DeflateFlush};

use super::*;

const ANY: fn(&[u8]) -> Result<(), Reject> = |_| Ok(());

fn context(window_bits: u8, takeover: bool) -> Context {
    Context {
        window_bits,
        takeover,
    }
}

/// Text that is like that of applications: the same keys, other values.
fn text(len: usize, seed: usize) -> Vec<u8> {
    let mut text = Vec::new();
    for id in seed.. {
        if text.len() >= len {
            break;
        }
        let row = format!(
            "{{\"id\": {}, \"user\": \"name{}\"}},",
            id * 7919 % 10_007,
            id % 97
        );
        text.extend_from_slice(row.as_bytes());
    }
    text.truncate(len);
    text
}

/// Inflates a message that is there as a whole.
fn inflate(
    inflating: &mut Inflating,
    pool: &mut Pool,
    data: &[u8],
    limit: usize,
) -> Result<Vec<u8>, Reject> {
    let mut out = Vec::new();
    inflating.inflate(pool, data, limit, &mut out, ANY)?;
    inflating.end(pool, limit, &mut out, ANY)?;
    Ok(out)
}

#[test]
fn every_combination_comes_back() {
    for level in [1, 6, 9] {
        let mut pool = Pool::new(level);
        for bits in MIN_OWN_BITS..=MAX_BITS {
            for takeover in [false, true] {
                let mut deflating = Deflating::new(context(bits, takeover));
                let mut inflating = Inflating::new(context(bits, takeover));
                for (seed, len) in [100, 2000, 70, 40_000, 3, 500].into_iter().enumerate() {
                    let message = text(len, seed * 13);
                    let Some(data) = deflating.deflate(&mut pool, &message) else {
                        assert!(len < 10);
                        continue;
                    };
                    let data = data.to_vec();
                    assert!(data.len() < len);
                    let back = inflate(&mut inflating, &mut pool, &data, len);
                    assert_eq!(
                        back.as_deref(),
                        Ok(&message[..]),
                        "{level} {bits} {takeover}"
                    );
                }
                let most = if takeover { 1 << bits } else { 0 };
                assert!(deflating.held() <= most && inflating.held() <= most);
                assert_eq!(deflating.history.bytes, inflating.history.bytes);
            }
        }
    }
}

#[test]
fn what_came_before_makes_messages_smaller() {
    let mut pool = Pool::default();
    let mut lens = [false, true].map(|takeover| {
        let mut deflating = Deflating::new(context(12, takeover));
        let message = text(200, 5);
        deflating.deflate(&mut pool, &message).unwrap();
        deflating.deflate(&mut pool, &message).unwrap().len()
    });
    lens.sort_unstable();
    assert!(lens[0] * 5 < lens[1], "{lens:?}");
}

#[test]
fn connections_do_not_see_each_other() {
    let mut pool = Pool::default();
    let mut sides: Vec<_> = (0..5)
        .map(|_| {
            let context = context(9, true);
            (Deflating::new(context), Inflating::new(context))
        })
        .collect();
    for round in 0..20 {
        for (place, (deflating, inflating)) in sides.iter_mut().enumerate() {
            let message = text(300, place * 1000 + round);
            let data = deflating.deflate(&mut pool, &message).unwrap().to_vec();
            let back = inflate(inflating, &mut pool, &data, 300);
            assert_eq!(back, Ok(message));
        }
    }
}

#[test]
fn what_does_not_get_smaller_is_left_as_it_is() {
    let mut pool = Pool::default();
    let mut deflating = Deflating::new(context(12, true));
    let mut state = 1_u64;
    let noise: Vec<u8> = (0..5000)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect();
    assert_eq!(deflating.deflate(&mut pool, &noise), None);
    assert_eq!(deflating.held(), 0, "later messages must not refer to it");
    let message = text(500, 1);
    let data = deflating.deflate(&mut pool, &message).unwrap().to_vec();
    let mut inflating = Inflating::new(context(12, true));
    assert_eq!(inflate(&mut inflating, &mut pool, &data, 500), Ok(message));
}

#[test]
fn the_examples_of_the_rfc() {
    // RFC 7692, section 7.2.3, without the headers of the frames.
    let hello: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let again: &[u8] = &[0xf2, 0x00, 0x11, 0x00, 0x00];
    let stored: &[u8] = &[
        0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
    ];
    let last: &[u8] = &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let two: &[u8] = &[
        0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
    ];
    let empty: &[u8] = &[0x00];
    let mut pool = Pool::default();
    let mut inflating = Inflating::new(context(15, true));
    for data in [hello, again, stored, last, again, two, again] {
        let got = inflate(&mut inflating, &mut pool, data, 5);
        assert_eq!(got.as_deref(), Ok(&b"Hello"[..]), "{data:x?}");
    }
    assert_eq!(inflate(&mut inflating, &mut pool, empty, 5), Ok(Vec::new()));
    let mut inflating = Inflating::new(context(15, false));
    assert_eq!(
        inflate(&mut inflating, &mut pool, hello, 5),
        Ok(b"Hello".to_vec())
    );
    let got = inflate(&mut inflating, &mut pool, again, 5);
    assert_eq!(got, Err(Reject::InvalidDeflate), "nothing came before");
}

#[test]
fn a_message_refers_no_further_than_its_window() {
    let mut pool = Pool::default();
    let message = text(3000, 1);
    // A peer that does not keep to 9 bits.
    let mut deflating = Deflating::new(context(15, true));
    let mut inflating = Inflating::new(context(9, true));
    let data = deflating.deflate(&mut pool, &message).unwrap().to_vec();
    assert_eq!(
        inflate(&mut inflating, &mut pool, &data, 3000),
        Ok(message.clone())
    );
    let data = deflating.deflate(&mut pool, &message).unwrap().to_vec();
    let got = inflate(&mut inflating, &mut pool, &data, 3000);
    assert_eq!(got, Err(Reject::InvalidDeflate));
}

/// 16 MiB of zeros, compressed to 16 KiB.
fn bomb(pool: &mut Pool) -> Vec<u8> {
    let zeros = vec![0; 16 << 20];
    let mut deflating = Deflating::new(context(15, false));
    let data = deflating.deflate(pool, &zeros).unwrap();
    assert!(data.len() < 100_000);
    data.to_vec()
}

#[test]
fn a_bomb_is_measured_while_it_is_inflated() {
    let mut pool = Pool::new(9);
    let data = bomb(&mut pool);
    for limit in [0, 1, 1000, 1 << 20] {
        let mut inflating = Inflating::new(context(15, true));
        let mut out = Vec::new();
        let got = inflating.inflate(&mut pool, &data, limit, &mut out, ANY);
        assert_eq!(got, Err(Reject::MessageTooBig));
        assert_eq!(out.len(), limit + 1);
        assert!(out.capacity() <= 2 * (limit + STEP.1), "{}", out.capacity());
    }
    let mut inflating = Inflating::new(context(15, true));
    let whole = inflate(&mut inflating, &mut pool, &data, 16 << 20);
    assert_eq!(whole.map(|whole| whole.len()), Ok(16 << 20));
}

#[test]
fn a_limit_is_met_exactly() {
    let mut pool = Pool::default();
    let mut deflating = Deflating::new(context(12, false));
    for len in [100, 1023, 1024, 1025, 70_000] {
        let message = text(len, 3);
        let data = deflating.deflate(&mut pool, &message).unwrap().to_vec();
        for (limit, fits) in [(len - 1, false), (len, true), (len + 1, true)] {
            let mut inflating = Inflating::new(context(12, false));
            let got = inflate(&mut inflating, &mut pool, &data, limit);
            let expected = if fits {
                Ok(message.clone())
            } else {
                Err(Reject::MessageTooBig)
            };
            assert_eq!(got, expected, "{len} in {limit}");
        }
    }
}

#[test]
fn what_is_no_deflate_data_is_refused() {
    let mut pool = Pool::default();
    // A reserved type of block; lengths that do not fit; a distance into nothing.
    for data in [
        &[0x06][..],
        &[0x00, 0x05, 0x00, 0x00, 0x00],
        &[0xf2, 0x00, 0x11, 0x00, 0x00],
    ] {
        let mut inflating = Inflating::new(context(12, true));
        let got = inflate(&mut inflating, &mut pool, data, 100);
        assert_eq!(got, Err(Reject::InvalidDeflate), "{data:x?}");
    }
}

/// Peers keep one state for all messages, with the window that was agreed on and no more.
#[test]
fn peers_with_one_state_for_a_direction_understand_and_are_understood() {
    for bits in MIN_OWN_BITS..=MAX_BITS {
        let mut pool = Pool::default();
        let mut deflating = Deflating::new(context(bits, true));
        let mut inflating = Inflating::new(context(bits, true));
        let mut their_inflate = Inflate::new(false, bits);
        let mut their_deflate = Deflate::new(6, false, bits);
        let mut room = vec![0; 70_000];
        let lens = [100, 3000, 70, 40_000, 200, 5000].into_iter().cycle();
        for (seed, len) in lens.take(40).enumerate() {
            let message = text(len, seed * 5);
            let data = deflating.deflate(&mut pool, &message).unwrap();
            let data = [data, TAIL].concat();
            let before = their_inflate.total_out();
            let mut at = 0;
            // In small steps, for which the window alone has what came before.
            while count(before, their_inflate.total_out()) < len {
                let start = their_inflate.total_in();
                let got = count(before, their_inflate.total_out());
                let place = &mut room[got..][..100.min(len - got)];
                let flush = InflateFlush::SyncFlush;
                their_inflate.decompress(&data[at..], place, flush).unwrap();
                at += count(start, their_inflate.total_in());
            }
            assert_eq!(&room[..len], message, "{bits}");
            // What is left is the end of the last block.
            let flush = InflateFlush::SyncFlush;
            their_inflate
                .decompress(&data[at..], &mut room, flush)
                .unwrap();
            assert_eq!(count(before, their_inflate.total_out()), len);

            let before = their_deflate.total_out();
            let flush = DeflateFlush::SyncFlush;
            their_deflate.compress(&message, &mut room, flush).unwrap();
            let data = &room[..count(before, their_deflate.total_out())];
            let data = data.strip_suffix(TAIL).unwrap();
            let back = inflate(&mut inflating, &mut pool, data, len);
            assert_eq!(back, Ok(message), "{bits}");
        }
    }
}
