//! What a proxy in front may say: the request's scheme, and names that shadow others.

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
