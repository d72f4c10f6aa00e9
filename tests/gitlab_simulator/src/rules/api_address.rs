//! The outbound-request policy for the address of a cluster's API: which addresses GitLab refuses, and with which words.
//!
//! GitLab resolves names here. The simulator does not: a name counts as one that does not resolve, which GitLab accepts;
//! only `localhost` is known.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};

/// The longest address.
pub const LONGEST: usize = 2048;

/// What the instance allows (its application settings).
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Local addresses for webhooks and integrations.
    pub local_requests: bool,
    /// Hosts and address ranges that are allowed all the same, each with or without a port.
    pub allowed: Vec<String>,
}

/// What GitLab says against the address; none when it is good
/// (`app/validators/addressable_url_validator.rb`, `lib/gitlab/url_blocker.rb`).
pub fn error(address: &str, policy: &Policy) -> Option<String> {
    let address = address.trim();
    if address.is_empty() {
        return Some("must be a valid URL".to_owned());
    }
    blocked(address, policy).map(|reason| format!("is blocked: {reason}"))
}

fn blocked(address: &str, policy: &Policy) -> Option<&'static str> {
    if address.contains(['\n', '\r']) {
        return Some("URI is invalid");
    }
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Some("Only allowed schemes are http, https");
    }
    let Ok(url) = Url::parse(address) else { return Some("URI is invalid") };
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4),
        Some(Host::Domain(name)) if is_localhost_name(name) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(Host::Domain(name)) if name.starts_with(char::is_alphanumeric) => return None,
        _ => return Some("Hostname or IP address invalid"),
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default();
    if policy.local_requests || policy.allowed.iter().any(|entry| allows(entry, host, ip, port)) {
        return None;
    }
    local_class(ip)
}

/// An entry is a host name, an address or a range of addresses; a port in it must be the one asked for.
fn allows(entry: &str, host: &str, ip: IpAddr, port: Option<u16>) -> bool {
    if fits(entry, host, ip) {
        return true;
    }
    let Some((name, wanted)) = entry.rsplit_once(':') else { return false };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    wanted.parse().ok() == port && fits(name, host, ip)
}

fn fits(entry: &str, host: &str, ip: IpAddr) -> bool {
    let range = entry.parse::<IpNet>().is_ok_and(|range| range.contains(&ip));
    range || entry.parse() == Ok(ip) || entry.eq_ignore_ascii_case(host)
}

fn is_localhost_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost")
}

/// The classes in the order in which GitLab looks at them.
fn local_class(ip: IpAddr) -> Option<&'static str> {
    let (own, loopback, private, link_local) = match ip {
        IpAddr::V4(ip) => {
            let own = ip == Ipv4Addr::LOCALHOST || ip == Ipv4Addr::UNSPECIFIED;
            (own, ip.is_loopback(), ip.is_private(), ip.is_link_local())
        }
        IpAddr::V6(ip) => {
            let own = ip == Ipv6Addr::LOCALHOST || ip == Ipv6Addr::UNSPECIFIED;
            let site_local = (ip.segments()[0] & 0xffc0) == 0xfec0;
            (own, ip.is_loopback(), site_local || ip.is_unique_local(), ip.is_unicast_link_local())
        }
    };
    if own {
        Some("Requests to localhost are not allowed")
    } else if loopback {
        Some("Requests to loopback addresses are not allowed")
    } else if private {
        Some("Requests to the local network are not allowed")
    } else if link_local {
        Some("Requests to the link local network are not allowed")
    } else if is_shared(ip) {
        Some("Requests to the shared address space are not allowed")
    } else if ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("Requests to the limited broadcast address are not allowed")
    } else {
        None
    }
}

/// 100.64.0.0/10.
fn is_shared(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> Policy {
        Policy::default()
    }

    fn open() -> Policy {
        Policy { local_requests: true, allowed: Vec::new() }
    }

    #[test]
    fn each_class_of_local_address_has_its_sentence() {
        for (address, class) in [
            ("https://127.0.0.1:6443", "localhost"),
            ("https://localhost:6443", "localhost"),
            ("https://0.0.0.0", "localhost"),
            ("https://[::1]:6443", "localhost"),
            ("https://[::ffff:127.0.0.1]", "localhost"),
            ("https://127.0.0.2:6443", "loopback addresses"),
            ("https://10.1.2.3:6443", "the local network"),
            ("https://172.16.0.1", "the local network"),
            ("https://192.168.1.1", "the local network"),
            ("https://[fd00::1]", "the local network"),
            ("https://169.254.169.254", "the link local network"),
            ("https://[fe80::1]", "the link local network"),
            ("https://100.64.0.1", "the shared address space"),
            ("https://255.255.255.255", "the limited broadcast address"),
        ] {
            let expected = format!("is blocked: Requests to {class} are not allowed");
            assert_eq!(error(address, &strict()), Some(expected), "{address}");
            assert_eq!(error(address, &open()), None, "{address} is allowed by the setting");
        }
    }

    #[test]
    fn names_and_public_addresses_pass() {
        for address in
            ["https://kube.example.com:6443", "http://203.0.113.7", "https://100.128.0.1", "https://172.32.0.1"]
        {
            assert_eq!(error(address, &strict()), None, "{address}");
        }
    }

    #[test]
    fn other_schemes_and_garbage_are_refused() {
        let scheme = Some("is blocked: Only allowed schemes are http, https".to_owned());
        assert_eq!(error("ftp://kube.example.com", &open()), scheme);
        assert_eq!(error("kube.example.com", &open()), scheme);
        assert_eq!(error("https://a b", &open()), Some("is blocked: URI is invalid".to_owned()));
        assert_eq!(error(" ", &open()), Some("must be a valid URL".to_owned()));
    }

    #[test]
    fn an_allowed_host_or_range_passes() {
        let allowed = ["10.0.0.0/8", "192.168.1.1:6443", "localhost", "fd00::/8"].map(str::to_owned).to_vec();
        let policy = Policy { local_requests: false, allowed };
        for address in ["https://10.9.8.7", "https://192.168.1.1:6443", "https://localhost:1", "https://[fd00::1]:6443"]
        {
            assert_eq!(error(address, &policy), None, "{address}");
        }
        for address in ["https://192.168.1.1", "https://192.168.1.2:6443", "https://127.0.0.1", "https://172.16.0.1"] {
            assert!(error(address, &policy).is_some(), "{address}");
        }
    }
}
