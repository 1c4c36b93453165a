use super::*;

#[test]
fn responses_every_rule() {
    let plain = ResponseFacts {
        version: Version::Http11,
        status: 200,
        head_method: false,
        connect: false,
        length: Some(5),
    };
    assert_eq!(response(plain), BodyFraming::Length(5));
    assert_eq!(
        response(ResponseFacts {
            length: None,
            ..plain
        }),
        BodyFraming::Chunked
    );
    for status in [100, 101, 103, 199, 204, 304] {
        assert_eq!(
            response(ResponseFacts { status, ..plain }),
            BodyFraming::None
        );
    }
    for status in [200, 205, 206, 301, 305, 404, 500, 599, 999] {
        assert_eq!(
            response(ResponseFacts { status, ..plain }),
            BodyFraming::Length(5)
        );
    }
    assert_eq!(
        response(ResponseFacts {
            head_method: true,
            ..plain
        }),
        BodyFraming::None
    );
}

#[test]
fn responses_to_connect_and_of_other_versions() {
    let plain = ResponseFacts {
        version: Version::Http11,
        status: 200,
        head_method: false,
        connect: false,
        length: Some(5),
    };
    let connect = ResponseFacts {
        connect: true,
        ..plain
    };
    assert_eq!(response(connect), BodyFraming::UntilClose);
    assert_eq!(
        response(ResponseFacts {
            status: 405,
            ..connect
        }),
        BodyFraming::Length(5)
    );
    let old = ResponseFacts {
        version: Version::Http10,
        ..plain
    };
    assert_eq!(response(old), BodyFraming::Length(5));
    for version in [Version::Http10, Version::Http2] {
        assert_eq!(
            response(ResponseFacts {
                length: None,
                version,
                ..plain
            }),
            BodyFraming::UntilClose
        );
    }
}
