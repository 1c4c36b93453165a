//! The static table (RFC 7541, appendix A).

use super::dynamic::TableField;
use crate::known::Known;

/// How many fields it has: the dynamic table goes on behind them (section 2.3.3).
pub(super) const COUNT: usize = FIELDS.len();

/// Name, value, and the number of a name that is met every day.
type Row = (&'static str, &'static str, Option<Known>);

#[rustfmt::skip]
const FIELDS: [Row; 61] = [
    (":authority", "", None),
    (":method", "GET", None),
    (":method", "POST", None),
    (":path", "/", None),
    (":path", "/index.html", None),
    (":scheme", "http", None),
    (":scheme", "https", None),
    (":status", "200", None),
    (":status", "204", None),
    (":status", "206", None),
    (":status", "304", None),
    (":status", "400", None),
    (":status", "404", None),
    (":status", "500", None),
    ("accept-charset", "", Some(Known::AcceptCharset)),
    ("accept-encoding", "gzip, deflate", Some(Known::AcceptEncoding)),
    ("accept-language", "", Some(Known::AcceptLanguage)),
    ("accept-ranges", "", None),
    ("accept", "", Some(Known::Accept)),
    ("access-control-allow-origin", "", None),
    ("age", "", None),
    ("allow", "", None),
    ("authorization", "", Some(Known::Authorization)),
    ("cache-control", "", Some(Known::CacheControl)),
    ("content-disposition", "", Some(Known::ContentDisposition)),
    ("content-encoding", "", Some(Known::ContentEncoding)),
    ("content-language", "", Some(Known::ContentLanguage)),
    ("content-length", "", Some(Known::ContentLength)),
    ("content-location", "", None),
    ("content-range", "", Some(Known::ContentRange)),
    ("content-type", "", Some(Known::ContentType)),
    ("cookie", "", Some(Known::Cookie)),
    ("date", "", Some(Known::Date)),
    ("etag", "", None),
    ("expect", "", Some(Known::Expect)),
    ("expires", "", None),
    ("from", "", Some(Known::From)),
    ("host", "", Some(Known::Host)),
    ("if-match", "", Some(Known::IfMatch)),
    ("if-modified-since", "", Some(Known::IfModifiedSince)),
    ("if-none-match", "", Some(Known::IfNoneMatch)),
    ("if-range", "", Some(Known::IfRange)),
    ("if-unmodified-since", "", Some(Known::IfUnmodifiedSince)),
    ("last-modified", "", None),
    ("link", "", None),
    ("location", "", None),
    ("max-forwards", "", Some(Known::MaxForwards)),
    ("proxy-authenticate", "", None),
    ("proxy-authorization", "", Some(Known::ProxyAuthorization)),
    ("range", "", Some(Known::Range)),
    ("referer", "", Some(Known::Referer)),
    ("refresh", "", None),
    ("retry-after", "", None),
    ("server", "", None),
    ("set-cookie", "", None),
    ("strict-transport-security", "", None),
    ("transfer-encoding", "", Some(Known::TransferEncoding)),
    ("user-agent", "", Some(Known::UserAgent)),
    ("vary", "", None),
    ("via", "", Some(Known::Via)),
    ("www-authenticate", "", None),
];

/// The field with this index; the first one is 1.
#[inline]
pub(super) fn get(index: usize) -> Option<TableField<'static>> {
    let (name, value, known) = FIELDS.get(index.checked_sub(1)?)?;
    Some(TableField {
        name: name.as_bytes(),
        value: value.as_bytes(),
        known: *known,
    })
}

/// The first index whose field has this name.
#[inline]
pub(super) fn name_index(name: &[u8]) -> Option<usize> {
    let slot = hash(name)?;
    let index = usize::from(SLOTS.get(slot).copied()?);
    let (found, _, _) = FIELDS.get(index.checked_sub(1)?)?;
    (found.as_bytes() == name).then_some(index)
}

/// The index of a field with this value, among those with the name of the field at `index`.
#[inline]
pub(super) fn value_index(index: usize, value: &[u8]) -> Option<usize> {
    let name = get(index)?.name;
    let same = (index..).map_while(|at| get(at).filter(|field| field.name == name));
    let mut found = (index..).zip(same);
    found.find_map(|(at, field)| (!value.is_empty() && field.value == value).then_some(at))
}

/// Eight bits from length and outer letters.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low bits of the length are enough"
)]
const fn hash(name: &[u8]) -> Option<usize> {
    let (Some(first), Some(last)) = (name.first(), name.last()) else {
        return None;
    };
    let before = match name {
        [.., before, _] => *before,
        _ => 0,
    };
    let key = u32::from_le_bytes([name.len() as u8, *first, *last, before]);
    Some((key.wrapping_mul(MULTIPLIER) >> 24) as usize)
}

/// Found by trial: no two names share a slot. `slots` proves it when compiling.
const MULTIPLIER: u32 = 0xf934_1c69;

/// For each hash the first index with such a name; 0: there is none.
static SLOTS: [u8; 256] = slots();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler: a collision or an index out of range does not build"
)]
const fn slots() -> [u8; 256] {
    let mut slots = [0; 256];
    let mut at = 0;
    while at < COUNT {
        let name = FIELDS[at].0.as_bytes();
        let again = at > 0 && equal(name, FIELDS[at - 1].0.as_bytes());
        if let (Some(slot), false) = (hash(name), again) {
            assert!(
                slots[slot] == 0,
                "two names share a slot: choose another MULTIPLIER"
            );
            slots[slot] = at as u8 + 1;
        }
        at += 1;
    }
    slots
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn equal(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name() {
        for index in 1..=COUNT {
            let field = get(index).unwrap();
            assert_eq!(field.known, Known::of(field.name), "{field:?}");
            let first = name_index(field.name).unwrap();
            assert!(first <= index && get(first).unwrap().name == field.name);
            let expected = (!field.value.is_empty()).then_some(index);
            assert_eq!(value_index(first, field.value), expected);
        }
        assert_eq!((get(0), get(62)), (None, None));
        for name in [&b""[..], b"x", b"x-custom", b"content-lengtj", b"Date"] {
            assert_eq!(name_index(name), None);
        }
    }
}
