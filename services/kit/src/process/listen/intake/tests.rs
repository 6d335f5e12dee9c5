//! What requests hold, in all and by client, and those that never end.

use http_body_util::{BodyExt, StreamBody};

use super::*;

/// A body of which so many bytes come, and then nothing.
fn stalled(bytes: usize) -> impl Body<Data = Bytes, Error = Status> + Unpin {
    let piece = futures::stream::iter([Ok::<_, Status>(Frame::data(Bytes::from(vec![0; bytes])))]);
    let never = futures::stream::pending();
    StreamBody::new(Box::pin(futures::StreamExt::chain(piece, never)))
}

#[tokio::test]
async fn a_head_counts_as_what_comes_behind_it() {
    let intake = Intake::new(16 << 20);
    let of = |head: usize| {
        let held = Held::with_head(&intake, head);
        held.is_of(Some("192.0.2.1".parse().unwrap()));
        held
    };
    let heads: Vec<_> = (0..140).map(|_| of(32 << 10)).collect();
    assert_eq!(intake.bytes.load(Ordering::Relaxed), 4 << 20, "a client has a part");
    let mut refused = Received::new(stalled(10), heads[139].clone(), None);
    let fault = Fault::of(&refused.frame().await.unwrap().unwrap_err());
    assert_eq!(fault.reason, Reason::Overloaded);
    drop((heads, refused));
    assert_eq!(intake.bytes.load(Ordering::Relaxed), 0);
}

async fn first(
    intake: &Arc<Intake>,
    client: &str,
    bytes: usize,
) -> Result<Received<impl Body<Data = Bytes, Error = Status> + Unpin>, Fault> {
    let held = Held::new(intake);
    held.is_of(Some(client.parse().unwrap()));
    let mut body = Received::new(stalled(bytes), held, None);
    match body.frame().await {
        Some(Ok(_)) => Ok(body),
        Some(Err(status)) => Err(Fault::of(&status)),
        None => panic!("there is a first piece"),
    }
}

#[tokio::test]
async fn one_client_has_a_part_and_all_have_the_whole() {
    let intake = Intake::new(16 << 20);
    let one = first(&intake, "192.0.2.1", 3 << 20).await.ok().unwrap();
    let refused = first(&intake, "192.0.2.1", 2 << 20).await.err().unwrap();
    assert_eq!(refused.reason, Reason::Overloaded);
    assert!(first(&intake, "192.0.2.1", 1 << 20).await.is_ok(), "it was let go of at once");
    let mut others = Vec::new();
    for client in ["192.0.2.2", "192.0.2.3", "192.0.2.4"] {
        others.push(first(&intake, client, 4 << 20).await.ok().unwrap());
    }
    assert!(first(&intake, "192.0.2.5", 2 << 20).await.is_err(), "all of it is taken");
    assert!(first(&intake, "192.0.2.5", SMALL).await.is_ok(), "what is small finds room");
    drop((one, others));
    assert_eq!(intake.bytes.load(Ordering::Relaxed), 0);
    assert!(intake.clients().is_empty());
}

#[tokio::test]
async fn what_comes_too_slowly_is_cut_off() {
    let intake = Intake::new(16 << 20);
    let mut body = Received::new(stalled(100), Held::new(&intake), Some(3 * LOOK));
    body.frame().await.unwrap().unwrap();
    let began = Instant::now();
    let fault = Fault::of(&body.frame().await.unwrap().unwrap_err());
    assert_eq!(fault.reason, Reason::DeadlineExceeded);
    assert!(began.elapsed() >= 2 * LOOK && body.frame().await.is_none());
}

#[tokio::test]
async fn while_memory_is_short_nobody_may_pause_with_much_of_it() {
    let intake = Intake::new(16 << 20);
    let mut bodies = Vec::new();
    for client in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        bodies.push(first(&intake, client, 4 << 20).await.ok().unwrap());
    }
    assert!(bodies[0].frame().await.is_some_and(|piece| piece.is_err()));
    drop(bodies.pop());
    drop(bodies.remove(0));
    let waiting = tokio::time::timeout(4 * LOOK, bodies[0].frame()).await;
    assert!(waiting.is_err(), "there is enough again");
}
