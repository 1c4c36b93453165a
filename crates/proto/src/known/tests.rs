use super::*;

#[test]
fn numbers_are_dense_and_names_are_found() {
    for (index, known) in Known::ALL.iter().enumerate() {
        assert_eq!(known.index(), index);
        assert_eq!(known.bit(), 1 << index);
        let name = known.name();
        assert_eq!(name, name.to_ascii_lowercase());
        assert_eq!(Known::of(name.as_bytes()), Some(*known));
        assert_eq!(
            Known::of(name.to_ascii_uppercase().as_bytes()),
            Some(*known)
        );
    }
    const { assert!(Known::COUNT <= 128, "a set of names has 128 bits") };
}

#[test]
fn what_differs_in_one_byte_is_another_name() {
    for known in Known::ALL {
        let name = known.name().as_bytes();
        for at in 0..name.len() {
            for byte in 0..=u8::MAX {
                let mut other = name.to_vec();
                other[at] = byte;
                let found = Known::of(&other);
                let same = byte.eq_ignore_ascii_case(&name[at]);
                assert_eq!(found == Some(*known), same, "{}", other.escape_ascii());
                if let Some(found) = found {
                    assert!(other.eq_ignore_ascii_case(found.name().as_bytes()));
                }
            }
        }
        assert_eq!(Known::of(&name[1..]).map(Known::name), None);
        assert_eq!(Known::of(&[name, b"x"].concat()), None);
    }
    assert_eq!(Known::of(b""), None);
    assert_eq!(Known::of(b"a"), None);
}

#[test]
fn methods() {
    for (index, method) in KnownMethod::ALL.into_iter().enumerate() {
        assert_eq!(method.index(), index);
        assert_eq!(KnownMethod::of(method.name().as_bytes()), Some(method));
        assert_eq!(
            KnownMethod::of(method.name().to_ascii_lowercase().as_bytes()),
            None
        );
    }
}
