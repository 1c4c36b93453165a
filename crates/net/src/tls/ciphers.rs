//! The setting `ciphers`: a list as OpenSSL reads it, made into suites of rustls.
//!
//! rustls offers what is safe and nothing else: with TLS 1.2 an ephemeral key exchange and an
//! authenticated cipher. Names of what it leaves out (CBC, plain RSA, DHE) are known and skipped, as
//! long as something is left; a name that nothing knows is refused.

use rustls::crypto::aws_lc_rs::cipher_suite as suite;
use rustls::{CipherSuite, SupportedCipherSuite};

/// Suites with OpenSSL's names, in the order of preference.
const SUITES: [(&str, SupportedCipherSuite); 9] = [
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// Parts of names of suites that OpenSSL knows and rustls leaves out.
const KNOWN: [&str; 37] = [
    "3DES",
    "ADH",
    "AECDH",
    "AES128",
    "AES256",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "CAMELLIA128",
    "CAMELLIA256",
    "CBC",
    "CBC3",
    "CCM",
    "CCM8",
    "CHACHA20",
    "DES",
    "DHE",
    "DSS",
    "ECDHE",
    "ECDSA",
    "EDH",
    "EXP",
    "GCM",
    "GOST",
    "IDEA",
    "MD5",
    "NULL",
    "POLY1305",
    "PSK",
    "RC2",
    "RC4",
    "RSA",
    "SEED",
    "SHA",
    "SHA256",
    "SHA384",
    "SRP",
];

/// Words for groups none of whose suites is offered.
const NONE_OF: [&str; 40] = [
    "3DES",
    "ADH",
    "AECDH",
    "AESCCM",
    "AESCCM8",
    "ARIA",
    "ARIA128",
    "ARIA256",
    "ARIAGCM",
    "CAMELLIA",
    "CAMELLIA128",
    "CAMELLIA256",
    "COMPLEMENTOFALL",
    "COMPLEMENTOFDEFAULT",
    "DES",
    "DH",
    "DHE",
    "DSS",
    "EDH",
    "EXP",
    "EXPORT",
    "IDEA",
    "LOW",
    "MD5",
    "MEDIUM",
    "NULL",
    "PSK",
    "RC2",
    "RC4",
    "SEED",
    "SHA",
    "SHA1",
    "SRP",
    "SSLV3",
    "TLSV1",
    "ANULL",
    "ENULL",
    "KRSA",
    "KDHE",
    "ADSS",
];

/// Why a list cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nothing has this name.
    Unknown(String),
    /// No suite of the list is offered here.
    NoneLeft,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "{word:?} is not the name of a cipher"),
            Self::NoneLeft => f.write_str(
                "none of these is offered: with TLS 1.2 there are ECDHE with AES-GCM or \
                 CHACHA20-POLY1305 alone",
            ),
        }
    }
}

/// OpenSSL's name of a suite.
pub(super) fn name_of(number: CipherSuite) -> &'static str {
    let found = SUITES.iter().find(|(_, suite)| suite.suite() == number);
    found.map_or("", |(name, _)| name)
}

/// The suites of a list, the preferred ones first; of an empty one all.
///
/// As with OpenSSL, a list chooses among the suites of TLS 1.2, and those of TLS 1.3 are offered
/// besides, unless the list names some of them itself.
pub(super) fn choose(list: &str) -> Result<Vec<SupportedCipherSuite>, Refused> {
    let mut chosen: Vec<usize> = Vec::new();
    let mut banned: Vec<usize> = Vec::new();
    // `@STRENGTH` and `@SECLEVEL=` say what holds here anyway.
    let words = list
        .split([':', ',', ' ', ';'])
        .filter_map(|word| word.split('@').next())
        .filter(|word| !word.is_empty());
    let mut any = false;
    for word in words {
        any = true;
        let (sign, name) = match word.as_bytes()[0] {
            sign @ (b'!' | b'-' | b'+') => (sign, &word[1..]),
            _ => (b' ', word),
        };
        let found = matching(name).ok_or_else(|| Refused::Unknown(word.to_string()))?;
        match sign {
            b'!' => banned.extend(found),
            b'-' => chosen.retain(|index| !found.contains(index)),
            b'+' => {
                let (back, mut front): (Vec<_>, Vec<_>) =
                    chosen.iter().partition(|index| found.contains(index));
                front.extend(back);
                chosen = front;
            }
            _ => {
                for index in found {
                    if !chosen.contains(&index) {
                        chosen.push(index);
                    }
                }
            }
        }
    }
    if !any {
        return Ok(SUITES.iter().map(|(_, suite)| *suite).collect());
    }
    chosen.retain(|index| !banned.contains(index));
    if !chosen.iter().any(|&index| is_13(index)) {
        if chosen.is_empty() {
            return Err(Refused::NoneLeft);
        }
        chosen.splice(0..0, (0..SUITES.len()).filter(|&index| is_13(index)));
    }
    Ok(chosen.iter().map(|&index| SUITES[index].1).collect())
}

fn is_13(index: usize) -> bool {
    SUITES[index].0.starts_with("TLS_")
}

/// The suites that a name, or several joined with `+`, stands for; `None`: nothing has this name.
fn matching(name: &str) -> Option<Vec<usize>> {
    let mut found: Vec<usize> = (0..SUITES.len()).collect();
    for part in name.split('+') {
        let part = part.to_ascii_uppercase();
        let known = (0..SUITES.len()).any(|index| stands_for(&part, SUITES[index].0));
        if !known && !is_left_out(&part) {
            return None;
        }
        found.retain(|&index| stands_for(&part, SUITES[index].0));
    }
    Some(found)
}

/// Whether a word, in capitals, stands for this suite.
fn stands_for(word: &str, suite: &str) -> bool {
    if suite.starts_with("TLS_") {
        return word == suite;
    }
    match word {
        "ALL" | "DEFAULT" | "HIGH" | "FIPS" | "ECDHE" | "EECDH" | "KEECDH" | "KECDHE" | "ECDH"
        | "TLSV1.2" | "AEAD" => true,
        "AESGCM" | "AES" => suite.contains("-GCM-"),
        "AES128" => suite.contains("AES128"),
        "AES256" => suite.contains("AES256"),
        "CHACHA20" => suite.contains("CHACHA20"),
        "SHA256" => suite.ends_with("SHA256"),
        "SHA384" => suite.ends_with("SHA384"),
        "RSA" | "ARSA" => suite.contains("-RSA-"),
        "ECDSA" | "AECDSA" => suite.contains("-ECDSA-"),
        _ => word == suite,
    }
}

fn is_left_out(word: &str) -> bool {
    NONE_OF.contains(&word)
        || word.contains('-') && word.split('-').all(|part| KNOWN.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Result<Vec<&'static str>, Refused> {
        let chosen = choose(list)?;
        Ok(chosen.iter().map(|suite| name_of(suite.suite())).collect())
    }

    const ALWAYS: [&str; 3] = [
        "TLS_AES_256_GCM_SHA384",
        "TLS_AES_128_GCM_SHA256",
        "TLS_CHACHA20_POLY1305_SHA256",
    ];

    fn with_13(others: &[&'static str]) -> Vec<&'static str> {
        [&ALWAYS, others].concat()
    }

    #[test]
    fn lists_are_read_as_openssl_reads_them() {
        assert_eq!(names("").unwrap().len(), SUITES.len());
        assert_eq!(names("DEFAULT@SECLEVEL=2").unwrap().len(), SUITES.len());
        assert_eq!(
            names("HIGH:!aNULL:!MD5:@STRENGTH").unwrap().len(),
            SUITES.len()
        );
        assert_eq!(
            names("ECDHE+AESGCM:!AES256:!aRSA").unwrap(),
            with_13(&["ECDHE-ECDSA-AES128-GCM-SHA256"])
        );
        assert_eq!(
            names("ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256").unwrap(),
            with_13(&["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES128-GCM-SHA256"])
        );
        assert_eq!(
            names("CHACHA20:+ECDSA").unwrap(),
            with_13(&[
                "ECDHE-RSA-CHACHA20-POLY1305",
                "ECDHE-ECDSA-CHACHA20-POLY1305"
            ])
        );
        assert_eq!(
            names("CHACHA20:-ECDSA").unwrap(),
            with_13(&["ECDHE-RSA-CHACHA20-POLY1305"])
        );
        assert_eq!(
            names("TLS_AES_128_GCM_SHA256").unwrap(),
            ["TLS_AES_128_GCM_SHA256"]
        );
    }

    /// Mozilla's lists name DHE, which is left out here.
    #[test]
    fn what_is_not_offered_is_skipped_while_something_is_left() {
        assert_eq!(
            names("DHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA").unwrap(),
            with_13(&["ECDHE-RSA-AES256-GCM-SHA384"])
        );
        for list in [
            "AES128-SHA:DES-CBC3-SHA",
            "RC4",
            "aNULL",
            "HIGH:!ECDHE",
            "DHE+AESGCM",
        ] {
            assert_eq!(names(list), Err(Refused::NoneLeft), "{list}");
        }
    }

    #[test]
    fn unknown_names_are_refused() {
        for word in [
            "ECDHE-RSA-AES512-GCM-SHA384",
            "HIHG",
            "!SECRET",
            "ECDHE+AESGCN",
            "-",
            "é",
        ] {
            let list = format!("HIGH:{word}");
            assert_eq!(names(&list), Err(Refused::Unknown(word.into())), "{list}");
        }
    }
}
