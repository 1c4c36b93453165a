//! What holds for forwarded headers of any content: what proxies write is read as it was meant, and
//! what a client has made up before them changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

mod common;

use std::net::{IpAddr, SocketAddr};

use common::run;
use licorne_proto::forwarded::{Element, Made, Node, Trusted, elements, explain};
use licorne_proto::{ClientAddress, Forwarding, Policy, Reject};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

proptest! {
    #[test]
    fn what_a_proxy_writes_is_read(written in vec(said(), 1..5), loose in any::<bool>()) {
        let texts: Vec<_> = written.iter().map(|it| it.text(loose)).collect();
        let line = texts.join(if loose { " ,\t, " } else { "," });
        let read: Result<Vec<_>, _> = elements(line.as_bytes()).collect();
        let expected: Vec<_> = written.iter().map(Said::element).collect();
        prop_assert_eq!(read.unwrap(), expected, "{}", line);
    }

    #[test]
    fn any_bytes_end(line in vec(any::<u8>(), 0..200)) {
        let read: Vec<_> = elements(&line).collect();
        let faults = read.iter().filter(|it| it.is_err()).count();
        prop_assert!(faults == 0 || (faults == 1 && read.last().is_some_and(Result::is_err)));
    }

    #[test]
    fn the_left_of_x_forwarded_for_is_hearsay(
        made_up in "[ -~]{0,60}", proxies in vec(10_u8..20, 0..4),
    ) {
        let proxies: Vec<_> = proxies.iter().map(|last| format!(", 10.0.0.{last}")).collect();
        let line = format!("{made_up}, 192.0.2.7{}", proxies.concat());
        let request = request("X-Forwarded-For", &line);
        let outcome = run(&policy(ClientAddress::XForwardedFor), true, &[request.as_bytes()], false);
        prop_assert_eq!(outcome.requests[0].client, Some(("192.0.2.7".parse().unwrap(), None)));
    }

    #[test]
    fn the_left_of_forwarded_is_hearsay_or_a_fault(
        made_up in prop_oneof!["[ -~]{0,60}", "(for=|proto=|\"|_a|[;,=] ?|10\\.0\\.0\\.1){0,12}"],
    ) {
        let request = request("Forwarded", &format!("{made_up}, for=192.0.2.7;proto=https"));
        let outcome = run(&policy(ClientAddress::Forwarded), true, &[request.as_bytes()], false);
        if let Some(reject) = outcome.reject {
            prop_assert_eq!(reject, Reject::InvalidForwarded);
        } else {
            let seen = &outcome.requests[0];
            prop_assert_eq!(seen.client, Some(("192.0.2.7".parse().unwrap(), None)));
            prop_assert_eq!(seen.https, Some(true));
        }
    }

    #[test]
    fn an_explanation_says_what_the_parser_does(
        fields in vec((name(), "[ -~]{0,20}"), 0..6), peer in any::<bool>(),
        source in (0_usize..3).prop_map(|at| ClientAddress::NAMES[at].1),
    ) {
        let lines: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", lines.concat());
        let peer: IpAddr = if peer { "10.0.0.1" } else { "192.0.2.1" }.parse().unwrap();
        let policy = policy(source);
        let said = explain(&policy, Some(peer), request.as_bytes());
        let outcome = run(&policy, said.trusted, &[request.as_bytes()], false);
        match said.verdict {
            Err(reject) => prop_assert_eq!(Some(reject), outcome.reject),
            Ok(verdict) => {
                let seen = &outcome.requests[0];
                prop_assert_eq!(verdict.https, seen.https.unwrap_or(false));
                prop_assert_eq!(verdict.client, seen.client.map(|it| it.0).or(Some(peer)));
                let dropped = said.heard.iter().filter(|it| it.made == Made::Dropped).count();
                prop_assert_eq!(seen.fields.len() + dropped, fields.len() + 1);
            }
        }
    }
}

#[test]
fn an_explanation_in_words() {
    let policy = policy(ClientAddress::Peer);
    let request = request("X-Forwarded-Proto", "https");
    let untrusted = explain(
        &policy,
        Some("192.0.2.1".parse().unwrap()),
        request.as_bytes(),
    );
    let told = untrusted.to_string();
    assert!(
        told.contains("192.0.2.1 is not in forwarded_allow_ips (10.0.0.0/8)"),
        "{told}"
    );
    assert!(
        told.contains("X-Forwarded-Proto: https -> ignored"),
        "{told}"
    );
    assert!(told.contains("so scheme http, client 192.0.2.1"), "{told}");
    assert!(
        told.contains("--forwarded-allow-ips=10.0.0.0/8,192.0.2.1"),
        "{told}"
    );
    let friend = explain(
        &policy,
        Some("10.1.1.1".parse().unwrap()),
        request.as_bytes(),
    );
    assert!(
        friend
            .line()
            .unwrap()
            .ends_with("so scheme https, client 10.1.1.1")
    );
    let plain = explain(&policy, None, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(plain.line(), None);
}

fn policy(source: ClientAddress) -> Policy {
    Policy {
        forwarding: Forwarding {
            trusted: Trusted::parse(["10.0.0.0/8"]).unwrap(),
            client_address: source,
            ..Forwarding::default()
        },
        ..Policy::default()
    }
}

fn request(name: &str, value: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n")
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("X-Forwarded-Proto"),
        Just("x-forwarded-ssl"),
        Just("X-Forwarded-Protocol"),
        Just("X-Forwarded-For"),
        Just("Forwarded"),
        Just("SCRIPT_NAME"),
        Just("X_A"),
        Just("X-A"),
    ]
    .prop_map(str::to_owned)
}

/// What a proxy says, before it is written.
#[derive(Clone, Debug)]
struct Said {
    node: Option<(IpAddr, Option<u16>)>,
    hidden: Option<String>,
    secure: Option<bool>,
    host: Option<String>,
    extension: Option<String>,
}

fn said() -> impl Strategy<Value = Said> {
    (
        option::of(any::<(IpAddr, Option<u16>)>()),
        option::of("unknown|_[a-zA-Z0-9._-]{1,8}"),
        option::of(any::<bool>()),
        option::of("[a-z0-9.-]{1,10}(:[0-9]{1,4})?"),
        option::of("[ !#-\\[\\]-~]{0,10}"),
    )
        .prop_map(|(node, hidden, secure, host, extension)| Said {
            node,
            hidden,
            secure,
            host,
            extension,
        })
        .prop_filter("an element that is empty is none", |said| {
            !said.text(false).is_empty()
        })
}

impl Said {
    fn text(&self, loose: bool) -> String {
        let mut pairs = Vec::new();
        match (&self.node, &self.hidden) {
            (Some((address, Some(port))), _) => {
                pairs.push(format!("for=\"{}\"", SocketAddr::new(*address, *port)));
            }
            (Some((IpAddr::V6(address), None)), _) => pairs.push(format!("for=\"[{address}]\"")),
            (Some((address, None)), _) => pairs.push(format!("for={address}")),
            (None, Some(name)) => pairs.push(format!("For={name}")),
            (None, None) => {}
        }
        pairs.extend(self.secure.map(|it| format!("proto={}", scheme(it))));
        pairs.extend(self.host.as_ref().map(|host| format!("host=\"{host}\"")));
        pairs.extend(
            self.extension
                .as_ref()
                .map(|text| format!("x=\"{text}\\\"\"")),
        );
        pairs.join(if loose { " ; " } else { ";" })
    }

    fn element(&self) -> Element<'_> {
        let node = match (self.node, &self.hidden) {
            (Some((address, port)), _) => Some(Node::Address(address, port)),
            (None, Some(_)) => Some(Node::Hidden),
            (None, None) => None,
        };
        Element {
            node,
            proto: self.secure.map(|it| scheme(it).as_bytes()),
            host: self.host.as_deref().map(str::as_bytes),
            by: None,
        }
    }
}

fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}
