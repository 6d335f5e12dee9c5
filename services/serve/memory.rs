//! Memory that is not needed any more goes back to the kernel, also from a process that has nothing to do.

use std::{hint::black_box, time::Duration};

/// How often.
const OFTEN: Duration = Duration::from_secs(10);
/// More than the allocator keeps for the next who needs as much.
const LARGE: usize = 2 << 20;

/// Makes the allocator look for what was freed a second ago or longer. mimalloc does so when a page of its own becomes free,
/// and in an idle process none does: 19 MiB in which a password was hashed stayed for hours. So one page is taken and
/// freed, which is never written to.
pub async fn give_back() {
    loop {
        tokio::time::sleep(OFTEN).await;
        drop(black_box(Vec::<u8>::with_capacity(LARGE)));
    }
}
