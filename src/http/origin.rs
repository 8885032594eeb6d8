//! Checks `Host` and `Origin`: the protection against DNS rebinding.
//!
//! A page of any site can make a browser send requests to this machine, through a DNS name that
//! points here. Such a request has that name in `Host` and the page's site in `Origin`. Both are
//! checked on every path (MCP specification, *Transports, Security warning*).

use std::net::{IpAddr, SocketAddr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri};

use super::denial::Denial;

/// The allowed values of `Host` and `Origin`.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    address: SocketAddr,
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl Origins {
    /// Creates the check for a server's address. No entry of the lists can allow everything.
    pub(super) fn new(address: SocketAddr, hosts: &[String], origins: &[String]) -> Self {
        let lower = |list: &[String]| list.iter().map(|item| item.to_ascii_lowercase()).collect();
        Self { address, hosts: lower(hosts), origins: lower(origins) }
    }

    /// Checks the head of a request.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denial> {
        let host = asked(uri, headers).filter(|host| self.answers_for(host)).ok_or(Denial::Host)?;
        match single(headers, &ORIGIN) {
            Ok(None) => Ok(()),
            Ok(Some(origin)) if self.lets_use(origin, &host) => Ok(()),
            _ => Err(Denial::Origin),
        }
    }

    /// Returns whether the server answers for a host: a loopback host, its own address, or a
    /// configured name.
    fn answers_for(&self, host: &Authority) -> bool {
        let name = host.host().to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let is_own = |address: IpAddr| address.is_loopback() || address == self.address.ip();
        let whole = host.as_str().to_ascii_lowercase();
        name == "localhost"
            || address.is_some_and(is_own)
            || self.hosts.iter().any(|allowed| *allowed == name || *allowed == whole)
    }

    /// Returns whether an origin is allowed: the requested host and port itself, or a configured
    /// origin. `:*` at an entry's end matches any port.
    fn lets_use(&self, origin: &HeaderValue, host: &Authority) -> bool {
        let Ok(origin) = origin.to_str().map(str::to_ascii_lowercase) else {
            return false;
        };
        let of_site = |origin: &str, site: &str| {
            let rest = origin.strip_prefix(site);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        };
        let is_allowed = |allowed: &String| match allowed.strip_suffix(":*") {
            Some(site) => of_site(&origin, site),
            None => origin == *allowed,
        };
        let own = host.as_str().to_ascii_lowercase();
        let asks_itself = ["http://", "https://"]
            .iter()
            .any(|scheme| origin.strip_prefix(scheme).is_some_and(|site| site == own));
        asks_itself || self.origins.iter().any(is_allowed)
    }
}

/// Returns the requested host, if the request names exactly one.
fn asked(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    match single(headers, &HOST).ok()? {
        Some(host) => Authority::try_from(host.as_bytes()).ok(),
        None => uri.authority().cloned(),
    }
}

/// Returns the only value of a header. Two values are an error, because a proxy may have checked
/// the other one.
fn single<'a>(
    headers: &'a HeaderMap,
    name: &axum::http::HeaderName,
) -> Result<Option<&'a HeaderValue>, ()> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        _ => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(origins: &Origins, host: &str, origin: Option<&str>) -> Result<(), Denial> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        origins.check(&Uri::from_static("/mcp"), &headers)
    }

    fn local() -> Origins {
        Origins::new("127.0.0.1:8977".parse().unwrap(), &[], &[])
    }

    #[test]
    fn loopback_names_the_own_address_and_configured_names_are_answered_for_and_no_others() {
        let own = "192.0.2.7:8977".parse().unwrap();
        let hosts = ["Refiner.example".to_owned(), "other.example:444".to_owned()];
        let configured = Origins::new(own, &hosts, &[]);
        for (host, alone, with_names) in [
            ("localhost", true, true),
            ("LOCALHOST:8977", true, true),
            ("127.0.0.1:1", true, true),
            ("127.8.8.8", true, true),
            ("[::1]:8977", true, true),
            ("192.0.2.7:8977", false, true),
            ("refiner.example:8977", false, true),
            ("other.example:444", false, true),
            ("other.example:445", false, false),
            ("0.0.0.0:8977", false, false),
            ("evil.example", false, false),
            ("localhost.evil.example", false, false),
            ("127.0.0.1.evil.example", false, false),
            ("localhost@evil.example", false, false),
            ("", false, false),
        ] {
            assert_eq!(checked(&local(), host, None).is_ok(), alone, "{host}");
            assert_eq!(checked(&configured, host, None).is_ok(), with_names, "{host}");
        }
    }

    #[test]
    fn pages_of_the_asked_host_and_configured_ones_may_use_it_and_no_others() {
        let listed = ["https://app.example".to_owned(), "http://localhost:*".to_owned()];
        let configured = Origins::new("127.0.0.1:8977".parse().unwrap(), &[], &listed);
        for (origin, alone, with_list) in [
            ("http://127.0.0.1:8977", true, true),
            ("https://127.0.0.1:8977", true, true),
            ("http://127.0.0.1:8978", false, false),
            ("http://127.0.0.1", false, false),
            ("http://localhost:3000", false, true),
            ("http://localhost", false, true),
            ("http://localhost.evil.example", false, false),
            ("https://app.example", false, true),
            ("https://APP.example", false, true),
            ("https://app.example:444", false, false),
            ("http://app.example", false, false),
            ("https://evil.example", false, false),
            ("null", false, false),
            ("", false, false),
        ] {
            let host = "127.0.0.1:8977";
            assert_eq!(checked(&local(), host, Some(origin)).is_ok(), alone, "{origin}");
            assert_eq!(checked(&configured, host, Some(origin)).is_ok(), with_list, "{origin}");
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(HOST, HeaderValue::from_static("localhost"));
        headers.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        let uri = Uri::from_static("/mcp");
        assert_eq!(local().check(&uri, &headers), Ok(()));
        headers.append(ORIGIN, HeaderValue::from_static("http://localhost"));
        assert_eq!(local().check(&uri, &headers), Err(Denial::Origin));
        headers.append(HOST, HeaderValue::from_static("localhost"));
        assert_eq!(local().check(&uri, &headers), Err(Denial::Host));
    }
}
