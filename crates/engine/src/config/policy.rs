//! What the parser is told, of the same object: rules for request heads, and what is served.

use proto::h2::Config as Http2;
use proto::protocol::{Gateway, ProxyHeader, Served};
use proto::{
    ClientAddress, Forwarding, HeaderMap, Limits, Permissions, Policy, SchemeHeader, Trusted,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::attributes::{Rules, Settings};

/// The rules for request heads, with what is served beside HTTP/1.
pub(super) fn served_policy(config: &Bound<'_, PyAny>, settings: &Settings) -> PyResult<Policy> {
    let mut policy = policy(config)?;
    serve_http2(&mut policy, settings);
    (policy.served.gateway, policy.gateways) = gateway(settings)?;
    Ok(policy)
}

/// The rules for request heads.
pub(crate) fn policy(rules: &Bound<'_, PyAny>) -> PyResult<Policy> {
    let rules = Rules::read(rules)?;
    let body = rules.limit_request_body;
    Ok(Policy {
        limits: Limits {
            request_line: rules.limit_request_line,
            fields: rules.limit_request_fields,
            field_size: rules.limit_request_field_size,
            body: (body > 0).then_some(body),
        },
        permissions: Permissions {
            obsolete_folding: rules.permit_obsolete_folding,
            strip_header_spaces: rules.strip_header_spaces,
            unconventional_http_method: rules.permit_unconventional_http_method,
            unconventional_http_version: rules.permit_unconventional_http_version,
            casefold_http_method: rules.casefold_http_method,
            missing_host: rules.permit_missing_host,
            connect: rules.permit_connect,
        },
        served: Served {
            proxy: proxy_header(&rules.proxy_protocol)?,
            ..Served::HTTP1
        },
        proxies: trusted("proxy_allow_ips", &rules.proxy_allow_ips)?,
        gateways: Trusted::default(),
        forwarding: forwarding(rules)?,
        http2: Http2::default(),
    })
}

/// HTTP/2, as far as it is served.
fn serve_http2(policy: &mut Policy, settings: &Settings) {
    policy.served.http2 = settings.http2_tls;
    policy.served.http2_cleartext = settings.http2_cleartext;
    policy.served.http2_demanded = settings.http2_demanded;
    policy.served.http2_upgrade = settings.http2_upgrade;
    policy.http2 = Http2 {
        max_concurrent_streams: settings.http2_max_concurrent_streams,
        initial_window_size: settings.http2_initial_window_size,
        max_frame_size: settings.http2_max_frame_size,
        max_header_list_size: settings.http2_max_header_list_size,
        connect_protocol: settings.asgi,
    };
}

fn proxy_header(word: &str) -> PyResult<ProxyHeader> {
    match word {
        "off" => Ok(ProxyHeader::Off),
        "v1" => Ok(ProxyHeader::V1),
        "v2" => Ok(ProxyHeader::V2),
        "auto" => Ok(ProxyHeader::Auto),
        other => {
            let text = format!("proxy_protocol: {other:?} is not one of off, v1, v2, auto");
            Err(PyValueError::new_err(text))
        }
    }
}

/// What is spoken in the place of HTTP, and which peers may do so.
fn gateway(settings: &Settings) -> PyResult<(Option<Gateway>, Trusted)> {
    let uwsgi = trusted("uwsgi_allow_ips", &settings.uwsgi_allow_ips)?;
    let fastcgi = trusted("fastcgi_allow_ips", &settings.fastcgi_allow_ips)?;
    match settings.protocol.as_str() {
        "http" => Ok((None, Trusted::default())),
        "uwsgi" => Ok((Some(Gateway::Uwsgi), uwsgi)),
        "fastcgi" => Ok((Some(Gateway::FastCgi), fastcgi)),
        other => {
            let text = format!("protocol: {other:?} is not one of http, uwsgi, fastcgi");
            Err(PyValueError::new_err(text))
        }
    }
}

fn forwarding(rules: Rules) -> PyResult<Forwarding> {
    let header_map = match rules.header_map.as_str() {
        "drop" => HeaderMap::Drop,
        "refuse" => HeaderMap::Refuse,
        "dangerous" => HeaderMap::Dangerous,
        other => {
            let text = format!("header_map: {other:?} is not one of drop, refuse, dangerous");
            return Err(PyValueError::new_err(text));
        }
    };
    let word = rules.client_address;
    let mut sources = ClientAddress::NAMES.iter();
    let Some(&(_, client_address)) = sources.find(|(name, _)| *name == word) else {
        let names = ClientAddress::NAMES.map(|(name, _)| name).join(", ");
        let text = format!("client_address: {word:?} is not one of {names}");
        return Err(PyValueError::new_err(text));
    };
    Ok(Forwarding {
        trusted: trusted("forwarded_allow_ips", &rules.forwarded_allow_ips)?,
        header_map,
        forwarder_headers: rules.forwarder_headers,
        secure_scheme_headers: rules
            .secure_scheme_headers
            .iter()
            .map(|(name, secure)| SchemeHeader::new(name, secure))
            .collect(),
        client_address,
    })
}

fn trusted(name: &str, entries: &[String]) -> PyResult<Trusted> {
    Trusted::parse(entries.iter().map(String::as_str)).map_err(|entry| {
        PyValueError::new_err(format!(
            "{name}: {entry:?} is neither an IP address, a network nor *"
        ))
    })
}
