//! The budget of unread answers.

use super::*;
use crate::client::Proxies;

fn line(limits: &Limits, client: &str, shared: bool) -> Arc<Line> {
    Line::new(limits, client.parse().unwrap(), shared)
}

#[tokio::test]
async fn all_connections_of_an_address_have_a_part_together() {
    let mut limits = Limits::new(Duration::from_secs(30), Duration::from_secs(90), 400 << 20, 64 << 20);
    limits.proxies = Proxies::new(vec!["192.0.2.9/32".parse().unwrap()]);
    let one = |shared| line(&limits, "192.0.2.1", shared);
    let first = one(false).admit(80 << 20).await.unwrap();
    assert!(one(false).try_admit(80 << 20).is_none(), "by another connection, too");
    assert!(one(false).try_admit(1 << 10).is_some(), "but what is small");
    assert!(line(&limits, "::ffff:192.0.2.1", false).try_admit(80 << 20).is_none(), "written otherwise, too");
    assert!(line(&limits, "192.0.2.2", false).try_admit(80 << 20).is_some(), "another address has its own");
    assert!(one(true).try_admit(80 << 20).is_some(), "a process of the mesh calls for everybody");
    let proxied = line(&limits, "192.0.2.9", false).admit(80 << 20).await;
    assert!(line(&limits, "192.0.2.9", false).try_admit(80 << 20).is_some(), "and so does a proxy");
    drop((first, proxied));
    assert!(one(false).try_admit(80 << 20).is_some(), "it is counted until it ends");
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_room_and_not_for_ever() {
    let limits = Limits::new(Duration::from_secs(30), Duration::from_secs(90), 400 << 20, 64 << 20);
    let (one, other) = (line(&limits, "192.0.2.1", false), line(&limits, "192.0.2.2", false));
    let first = one.admit(80 << 20).await.unwrap();
    assert!(one.try_admit(80 << 20).is_none(), "a connection has a quarter");
    let huge = other.admit(320 << 20).await.unwrap();
    assert!(one.try_admit(1 << 20).is_none(), "all together have no more");
    assert!(one.try_admit(1 << 10).is_some() && one.try_admit(0).is_some(), "but what is small");
    let asked = Instant::now();
    assert!(one.admit(20 << 20).await.is_none());
    assert_eq!(asked.elapsed(), PATIENCE);
    let waiting = tokio::spawn({
        let one = one.clone();
        async move { one.admit(20 << 20).await.is_some() }
    });
    tokio::task::yield_now().await;
    drop(huge);
    assert!(waiting.await.unwrap());
    drop(first);
    assert_eq!((one.bytes.load(Ordering::Relaxed), limits.all.bytes.load(Ordering::Relaxed)), (0, 0));
}

#[tokio::test]
async fn heads_that_never_end_count_as_what_is_sent() {
    let limits = Limits::new(Duration::from_secs(30), Duration::from_secs(90), 400 << 20, 1 << 20);
    let lines: Vec<_> = (0..100).map(|_| line(&limits, "192.0.2.1", false)).collect();
    assert!(lines.iter().all(|line| line.read(HEAD_SPARED)), "what nearly all have is not counted");
    let taken = lines.iter().filter(|line| line.read(32 << 10)).count();
    assert_eq!(taken, 8, "an address has a quarter");
    assert!(line(&limits, "192.0.2.2", false).read(32 << 10));
    lines[0].begin();
    assert!(lines[99].read(28 << 10), "a head that is whole makes room");
    lines[0].end();
}
