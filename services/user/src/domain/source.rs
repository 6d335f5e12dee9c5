//! Where somebody calls from, as limits count it: an IPv4 address, or the 64 bits of IPv6 that one customer of a network
//! has, within which addresses change by the day.

use std::net::IpAddr;

/// The source of an address.
pub fn source(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Whether an address that was written down is of the same source.
pub fn is_same(written: &str, address: IpAddr) -> bool {
    written.parse().is_ok_and(|written: IpAddr| source(written) == source(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_network_of_one_customer() {
        let same = |written: &str, address: &str| is_same(written, address.parse().unwrap());
        assert!(same("192.0.2.1", "192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(same("2001:db8::1", "2001:db8:0:0:ffff::7") && same("2001:db8:0:1::", "2001:db8:0:1:2::"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1") && !same("", "2001:db8::1"));
        assert_eq!(source("2001:db8::1".parse().unwrap()), "2001:db8:0:0::/64");
    }
}
