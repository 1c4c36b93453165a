use super::*;

const CODINGS: [Coding; 6] = [
    Coding::Absent,
    Coding::Compressed,
    Coding::Chunked,
    Coding::CompressedChunked,
    Coding::Unknown,
    Coding::Invalid,
];

#[test]
fn requests_every_row() {
    use Coding::{Chunked, CompressedChunked, Unknown};
    for version in [Version::Http10, Version::Http11, Version::Http2] {
        for coding in [None].into_iter().chain(CODINGS.map(Some)) {
            for length in [None, Some(0), Some(7)] {
                let expected = match (coding, length) {
                    (None, None) if version == Version::Http2 => Ok(Announced::UntilEnd),
                    (None, None) => Ok(Announced::Nothing),
                    (None, Some(length)) => Ok(Announced::Length(length)),
                    (Some(_), Some(_)) => Err(Reject::LengthAndTransferEncoding),
                    (Some(_), None) if version == Version::Http10 => {
                        Err(Reject::TransferEncodingOnHttp10)
                    }
                    (Some(_), None) if version == Version::Http2 => {
                        Err(Reject::ConnectionSpecificField)
                    }
                    (Some(Chunked), None) => Ok(Announced::Chunked),
                    (Some(CompressedChunked | Unknown), None) => {
                        Err(Reject::UnsupportedTransferCoding)
                    }
                    (Some(_), None) => Err(Reject::InvalidTransferEncoding),
                };
                assert_eq!(request(version, coding, length), expected);
            }
        }
    }
}

#[test]
fn codings_every_pair() {
    use Coding::{Absent, Chunked, Compressed, CompressedChunked, Invalid, Unknown};
    for state in CODINGS {
        let decided = matches!(state, Unknown | Invalid);
        let after = |open: Coding, over: Coding| match state {
            Unknown | Invalid => state,
            Chunked | CompressedChunked => over,
            Absent | Compressed => open,
        };
        for name in [&b"gzip"[..], b"Deflate", b"COMPRESS"] {
            assert_eq!(state.then(name), after(Compressed, Invalid));
        }
        let chunked = if state == Absent {
            Chunked
        } else {
            CompressedChunked
        };
        assert_eq!(state.then(b"Chunked"), after(chunked, Invalid));
        assert_eq!(state.then(b""), if decided { state } else { Invalid });
        for name in [
            &b"identity"[..],
            b"br",
            b"chunked;a=b",
            b"\"chunked\"",
            b"x chunked",
        ] {
            assert_eq!(state.then(name), if decided { state } else { Unknown });
        }
    }
}
