//! What a proxy in front may say: the request's scheme, and names that shadow others.

use crate::head::RequestHead;
use crate::reject::Reject;

/// `header_map`: what happens to a field whose name contains an underscore. CGI turns `-` into `_`,
/// so `X_Forwarded_For` would arrive at the application under the name of `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderMap {
    /// The field is left out.
    #[default]
    Drop,
    /// The request is refused.
    Refuse,
    /// The field is handed on.
    Dangerous,
}

/// What peers in `forwarded_allow_ips` may say about a request.
#[derive(Clone, Debug)]
pub struct Forwarding {
    /// `header_map`.
    pub header_map: HeaderMap,
    /// `forwarder_headers`: names with underscores that a trusted peer may send, in upper case;
    /// `*` stands for every name.
    pub forwarder_headers: Vec<String>,
    /// `secure_scheme_headers`: a field name and the value that means https.
    pub secure_scheme_headers: Vec<(String, String)>,
}

impl Default for Forwarding {
    fn default() -> Self {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            header_map: HeaderMap::Drop,
            forwarder_headers: vec!["SCRIPT_NAME".to_owned(), "PATH_INFO".to_owned()],
            secure_scheme_headers: vec![
                pair("X-FORWARDED-PROTOCOL", "ssl"),
                pair("X-FORWARDED-PROTO", "https"),
                pair("X-FORWARDED-SSL", "on"),
            ],
        }
    }
}

impl Forwarding {
    /// Whether a field whose name contains an underscore is handed on.
    #[cold]
    pub(crate) fn admits(&self, name: &[u8], trusted: bool) -> Result<bool, Reject> {
        let is_name =
            |allowed: &String| allowed == "*" || allowed.as_bytes().eq_ignore_ascii_case(name);
        if trusted && self.forwarder_headers.iter().any(is_name) {
            return Ok(true);
        }
        match self.header_map {
            HeaderMap::Dangerous => Ok(true),
            HeaderMap::Drop => Ok(false),
            HeaderMap::Refuse => Err(Reject::AmbiguousHeaderName),
        }
    }

    /// What the scheme headers of a trusted peer say: https if the value is the listed one, http if
    /// it is another, `None` if there is none. Headers that disagree are an attack or a mistake.
    pub(crate) fn https(&self, head: &RequestHead) -> Result<Option<bool>, Reject> {
        let mut said = None;
        for (name, secure) in &self.secure_scheme_headers {
            for field in head.fields_named(name.as_bytes()) {
                let https = field.value == secure.as_bytes();
                if said.is_some_and(|before| before != https) {
                    return Err(Reject::ContradictoryScheme);
                }
                said = Some(https);
            }
        }
        Ok(said)
    }
}
