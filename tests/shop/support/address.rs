//! Addresses for processes that must be found again.

use std::{
    net::TcpListener,
    sync::atomic::{AtomicU32, Ordering},
};

/// An address that stays free while a process is started again: below the ports that the system hands out.
pub fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    loop {
        let port = 10_000 + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
