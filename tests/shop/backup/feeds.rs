//! Those who follow a shop's feeds when it is restored: what they have seen may not have happened, and what happens from
//! then on is new to them.

use contracts::{
    mesh::{FeedEvent, SubscribeRequest, node_service_client::NodeServiceClient},
    order::OrderState,
};
use futures::StreamExt as _;
use kit::{Role, identity::MeshSecret};
use tonic::Request;

use super::{backup, data, done, restore, start_restored};
use crate::support::{
    Setup, eur,
    identity::{claims, signed},
    mesh::{channel, client_of},
    shop::PASSWORD,
};

tests!(a_follower_sees_what_happens_after_a_restore);

/// The events of payment's feed after a position, as the order service asks for them, until there are so many.
async fn events(grpc: &str, secret: &MeshSecret, after_position: i64, count: usize) -> Vec<FeedEvent> {
    let token = signed(secret, Role::Order, &claims("order", "payment", 60));
    let mut request = Request::new(SubscribeRequest { role: "payment".to_owned(), after_position });
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = NodeServiceClient::new(channel(grpc)).subscribe(request).await.unwrap().into_inner();
    let wanted =
        tokio::time::timeout(std::time::Duration::from_secs(20), stream.take(count).collect::<Vec<_>>());
    wanted.await.expect("so many events").into_iter().map(Result::unwrap).collect()
}

/// Covers: mesh.backup.
async fn a_follower_sees_what_happens_after_a_restore(setup: Setup) {
    let mesh = setup.start().await;
    let (folder, secret) = (mesh.folder(), mesh.secret());
    let tea = mesh.admin().await.stocked(eur(100), 100).await;
    let ada = mesh.shopper().await;
    let buy = async || {
        let order = ada.order(&tea.id, 1, "sim_approve").await.unwrap().body;
        ada.until(&order.id, OrderState::Paid).await;
    };
    buy().await;
    done(&backup(&data(&mesh), "copy --with-keys"), folder);
    // What the follower has seen of what is lost.
    for _ in 0..5 {
        buy().await;
    }
    // Twelve events are more than those of one order.
    let seen = events(&mesh.grpc_url("feira-0"), &secret, 0, 12).await[11].position;

    let restored = folder.join("restored");
    done(&restore("copy", &restored), folder);
    let (process, grpc) = start_restored(&restored);
    let client = client_of(&grpc);
    let ada = client.sign_in_as(&ada.user.username, PASSWORD).await.unwrap();
    let order = ada.order(&tea.id, 1, "sim_approve").await.unwrap().body;
    let paid = ada.until(&order.id, OrderState::Paid).await;
    // The first marks the restore. It goes on by what it knows, and misses nothing.
    let new = events(&grpc, &secret, seen, 2).await;
    assert!(new[0].position > seen && new[1].position > new[0].position, "{new:?}");
    assert_eq!(new[0].aggregate_id, "restored");
    assert_eq!(new[1].aggregate_id, paid.payment_id);
    // Nothing comes twice: positions go on from there without a gap.
    assert_eq!(new[1].position, new[0].position + 1);
    drop((client, ada));
    process.stop();
}
