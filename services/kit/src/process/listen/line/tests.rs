//! The budget of unread answers.

use super::*;

#[tokio::test(start_paused = true)]
async fn calls_wait_for_room_and_not_for_ever() {
    let limits = Limits::new(Duration::from_secs(30), Duration::from_secs(90), 400 << 20, 64 << 20);
    let (one, other) = (Line::new(&limits, false), Line::new(&limits, false));
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
