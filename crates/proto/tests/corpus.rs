//! Runs `tests/corpus/h1/*.toml` against the protocol itself: whole, byte by byte, and cut in two at
//! every place. The same files are run through a socket by `tests/corpus/test_h1_socket.py`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails so"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use common::{Outcome, Seen, run};
use licorne_proto::protocol::{ProxyHeader, Served};
use licorne_proto::{
    ClientAddress, Forwarding, HeaderMap, Limits, Permissions, Policy, Reject, Trusted,
};
use serde::Deserialize;

/// Longer inputs are not cut at every byte, but at about this many places.
const CUTS: usize = 400;

#[test]
fn every_case_however_its_bytes_arrive() {
    let mut failures = Vec::new();
    let mut count = 0;
    for (file, case) in cases() {
        count += 1;
        if let Err(failure) = check(&case) {
            failures.push(format!("{file}: {}: {failure}", case.name));
        }
    }
    assert!(count >= 260, "only {count} cases were found");
    assert!(
        failures.is_empty(),
        "{} of {count}:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn names_are_unique() {
    let mut names = BTreeMap::new();
    for (file, case) in cases() {
        if let Some(other) = names.insert(case.name.clone(), file.clone()) {
            panic!("{:?} in {file} and {other}", case.name);
        }
    }
}

#[test]
fn every_refusal_of_the_parser_has_a_case() {
    // Of the reactor, and of what is spoken in the place of HTTP/1.
    let elsewhere = [
        "RequestTimeout",
        "ForbiddenUwsgi",
        "UnsupportedModifier",
        "ForbiddenFastCgi",
        "InvalidRecord",
        "AbortedRequest",
        "InvalidVariables",
        "TooManyVariables",
        "VariablesTooLarge",
        "BodyBeyondLength",
        "UnknownProtocol",
    ];
    let used: Vec<_> = cases()
        .into_iter()
        .filter_map(|(_, case)| case.reject)
        .collect();
    let of_http1 = Reject::ALL.iter().filter(|reject| reject.code().is_none());
    for reject in of_http1 {
        let name = reject.name();
        assert!(
            used.iter().any(|used| used == name) != elsewhere.contains(&name),
            "{name}"
        );
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[expect(dead_code, reason = "for the reader, and checked to be there")]
    rule: String,
    #[serde(default)]
    policy: Settings,
    input: Input,
    #[serde(default)]
    eof: bool,
    #[serde(default)]
    requests: Vec<Request>,
    reject: Option<String>,
    status: Option<u16>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Text(String),
    Repeat { repeat: String, times: usize },
}

/// Settings by their names.
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of the configuration"
)]
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    limit_request_line: Option<usize>,
    limit_request_fields: Option<usize>,
    limit_request_field_size: Option<usize>,
    limit_request_body: Option<u64>,
    permit_obsolete_folding: bool,
    strip_header_spaces: bool,
    permit_unconventional_http_method: bool,
    permit_unconventional_http_version: bool,
    casefold_http_method: bool,
    permit_missing_host: bool,
    permit_connect: bool,
    header_map: Option<String>,
    forwarder_headers: Option<String>,
    forwarded_allow_ips: Option<String>,
    client_address: Option<String>,
    proxy_protocol: Option<String>,
    proxy_allow_ips: Option<String>,
}

/// What is expected of a request; what is not said is not compared.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    target: String,
    path: Option<String>,
    query: Option<String>,
    authority: Option<String>,
    version: Option<String>,
    headers: Option<Vec<(String, String)>>,
    body: Option<String>,
    body_length: Option<usize>,
    content_length: Option<u64>,
    chunked: Option<bool>,
    keep_alive: Option<bool>,
    expect_continue: Option<bool>,
    upgrade: Option<bool>,
    https: Option<bool>,
    /// The address that `client_address` finds; `""` if it stays the peer's.
    client: Option<String>,
    /// The host that the application sees.
    host: Option<String>,
    #[serde(default = "yes")]
    complete: bool,
}

fn yes() -> bool {
    true
}

fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/h1");
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut cases = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file: File = toml::from_str(&fs::read_to_string(&path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        cases.extend(file.case.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}

fn check(case: &Case) -> Result<(), String> {
    let input = case.input.bytes();
    let (policy, trusted) = case.policy.policy();
    let whole = run(&policy, trusted, &[&input], case.eof);
    compare(case, &whole)?;

    let bytes: Vec<_> = input.chunks(1).collect();
    let dribbled = run(&policy, trusted, &bytes, case.eof);
    if dribbled != whole {
        return Err(format!("byte by byte: {dribbled:?} instead of {whole:?}"));
    }
    for cut in (0..input.len()).step_by(input.len() / CUTS + 1) {
        let (before, after) = input.split_at(cut);
        let cut_once = run(&policy, trusted, &[before, after], case.eof);
        if cut_once != whole {
            return Err(format!("cut at {cut}: {cut_once:?} instead of {whole:?}"));
        }
    }
    Ok(())
}

fn compare(case: &Case, outcome: &Outcome) -> Result<(), String> {
    same(
        "number of requests",
        &outcome.requests.len(),
        &case.requests.len(),
    )?;
    for (seen, expected) in outcome.requests.iter().zip(&case.requests) {
        expected.compare(seen, outcome.proxied)?;
    }
    let reject = outcome.reject.map(|reject| reject.name().to_owned());
    same("reject", &reject, &case.reject)?;
    same("status", &outcome.reject.map(Reject::status), &case.status)?;
    same("closed", &outcome.closed, &(case.closes()))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), String> {
    if seen == expected {
        Ok(())
    } else {
        Err(format!("{what}: {seen:?} instead of {expected:?}"))
    }
}

impl Case {
    /// The peer ends cleanly, or the last request does not allow another one.
    fn closes(&self) -> bool {
        let last = self
            .requests
            .last()
            .is_some_and(|request| request.keep_alive == Some(false));
        self.reject.is_none() && (self.eof || last)
    }
}

impl Request {
    fn compare(&self, seen: &Seen, proxied: Option<SocketAddr>) -> Result<(), String> {
        same("method", &latin(&seen.method), &self.method)?;
        same("target", &latin(&seen.target), &self.target)?;
        if let Some(path) = &self.path {
            same("path", &latin(&seen.path), path)?;
        }
        if let Some(query) = &self.query {
            same("query", &latin(&seen.query), query)?;
        }
        if let Some(authority) = &self.authority {
            same(
                "authority",
                &seen.authority.as_deref().map(latin).as_ref(),
                &Some(authority),
            )?;
        }
        if let Some(version) = &self.version {
            same("version", &latin(&seen.protocol), version)?;
        }
        self.compare_fields(seen)?;
        if let Some(client) = &self.client {
            let found = match (seen.client, proxied) {
                (Some((address, Some(port))), _) => SocketAddr::new(address, port).to_string(),
                (Some((address, None)), _) => address.to_string(),
                (None, proxied) => proxied.map_or_else(String::new, |client| client.to_string()),
            };
            same("client", &found, client)?;
        }
        self.compare_meaning(seen)
    }

    fn compare_fields(&self, seen: &Seen) -> Result<(), String> {
        if let Some(headers) = &self.headers {
            let fields: Vec<_> = seen
                .fields
                .iter()
                .map(|(name, value)| (latin(name), latin(value)))
                .collect();
            same("headers", &fields, headers)?;
        }
        if let Some(body) = &self.body {
            same("body", &latin(&seen.body), body)?;
        }
        same(
            "body length",
            &seen.body.len(),
            &self.body_length.unwrap_or(seen.body.len()),
        )
    }

    fn compare_meaning(&self, seen: &Seen) -> Result<(), String> {
        if self.content_length.is_some() {
            same("content length", &seen.content_length, &self.content_length)?;
        }
        same(
            "chunked",
            &seen.chunked,
            &self.chunked.unwrap_or(seen.chunked),
        )?;
        same(
            "keep-alive",
            &seen.keep_alive,
            &self.keep_alive.unwrap_or(seen.keep_alive),
        )?;
        let expect = self.expect_continue.unwrap_or(seen.expect_continue);
        same("expect", &seen.expect_continue, &expect)?;
        same(
            "upgrade",
            &seen.upgrade,
            &self.upgrade.unwrap_or(seen.upgrade),
        )?;
        if let Some(https) = self.https {
            same("https", &seen.https.unwrap_or(false), &https)?;
        }
        if let Some(host) = &self.host {
            same("host", &latin(&seen.host), host)?;
        }
        same("complete", &seen.complete, &self.complete)
    }
}

fn networks(list: Option<&str>) -> Trusted {
    let parse = |list: &str| Trusted::parse(list.split(',')).expect("networks");
    list.map_or_else(Trusted::default, parse)
}

/// One byte is one character.
fn latin(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

impl Input {
    fn bytes(&self) -> Vec<u8> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().map(Part::text).collect(),
        };
        text.chars()
            .map(|letter| u8::try_from(letter).expect("one character is one byte"))
            .collect()
    }
}

impl Part {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Repeat { repeat, times } => repeat.repeat(*times),
        }
    }
}

impl Settings {
    /// The policy, and whether 127.0.0.1 is trusted under it.
    fn policy(&self) -> (Policy, bool) {
        let (limits, forwarding) = (Limits::default(), Forwarding::default());
        let list = |text: &String| text.split(',').map(str::to_owned).collect();
        let policy = Policy {
            limits: Limits {
                request_line: self.limit_request_line.unwrap_or(limits.request_line),
                fields: self.limit_request_fields.unwrap_or(limits.fields),
                field_size: self.limit_request_field_size.unwrap_or(limits.field_size),
                body: self.limit_request_body,
            },
            permissions: Permissions {
                obsolete_folding: self.permit_obsolete_folding,
                strip_header_spaces: self.strip_header_spaces,
                unconventional_http_method: self.permit_unconventional_http_method,
                unconventional_http_version: self.permit_unconventional_http_version,
                casefold_http_method: self.casefold_http_method,
                missing_host: self.permit_missing_host,
                connect: self.permit_connect,
            },
            forwarding: Forwarding {
                header_map: match self.header_map.as_deref() {
                    None | Some("drop") => HeaderMap::Drop,
                    Some("refuse") => HeaderMap::Refuse,
                    Some("dangerous") => HeaderMap::Dangerous,
                    Some(other) => panic!("header_map {other:?}"),
                },
                forwarder_headers: self
                    .forwarder_headers
                    .as_ref()
                    .map_or(forwarding.forwarder_headers, list),
                trusted: networks(self.forwarded_allow_ips.as_deref()),
                client_address: self.client_address.as_deref().map_or(
                    ClientAddress::Peer,
                    |word| {
                        let mut names = ClientAddress::NAMES.iter();
                        names.find(|(name, _)| *name == word).expect("a source").1
                    },
                ),
                secure_scheme_headers: forwarding.secure_scheme_headers,
            },
            served: Served {
                proxy: match self.proxy_protocol.as_deref() {
                    None => ProxyHeader::Off,
                    Some("v1") => ProxyHeader::V1,
                    Some("v2") => ProxyHeader::V2,
                    Some("auto") => ProxyHeader::Auto,
                    Some(other) => panic!("proxy_protocol {other:?}"),
                },
                ..Served::HTTP1
            },
            proxies: networks(self.proxy_allow_ips.as_deref()),
            ..Policy::default()
        };
        let peer = IpAddr::from([127, 0, 0, 1]);
        let trusted = policy.forwarding.trusted.contains(peer);
        (policy, trusted)
    }
}
