//! Orders in all the states that they can be brought to.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use contracts::{
    order::{
        CancelOrderRequest, CreateOrderRequest, DeliverOrderRequest, GetOrderRequest, ListOrdersRequest,
        Order, OrderLine, OrderState, ShipOrderRequest, create_order_request::Destination,
        order_service_client::OrderServiceClient,
    },
    payment::{GetPaymentRequest, RefundPaymentRequest, payment_service_client::PaymentServiceClient},
};
use futures::{StreamExt, TryStreamExt, stream};
use kit::{Conn, Money, Role};
use tonic::Status;

use super::{
    Work,
    articles::Stocked,
    plan::{self, Goal, Lines, Plan},
    progress::Progress,
};

/// How long a payment may be under way, in looks.
const LOOKS: u32 = 300;
const LOOK: Duration = Duration::from_millis(200);

/// Orders that are there already, by customer and content.
pub type Found = HashMap<(u64, Lines), Vec<Order>>;

/// What was made.
#[derive(Debug, Default)]
pub struct Made {
    pub new: u64,
    pub states: BTreeMap<&'static str, u64>,
}

/// Finds the orders of the plan's users.
pub async fn find(work: &Work, users: &[String]) -> Result<Found, Status> {
    let users: HashMap<&str, u64> = users.iter().map(String::as_str).zip(0..).collect();
    let mut found = Found::new();
    let mut page_token = String::new();
    loop {
        let request = ListOrdersRequest { page_size: 1_000, page_token, ..Default::default() };
        let page =
            work.shop.call("", request, |request| async { client(work)?.list_orders(request).await }).await?;
        for order in page.orders.into_iter().filter(|order| order.state() != OrderState::Open) {
            let lines =
                order.lines.iter().map(|line| Some((work.plan.article_of(&line.code)?, line.quantity)));
            if let (Some(user), Some(lines)) =
                (users.get(order.user_id.as_str()), lines.collect::<Option<Lines>>())
            {
                // Only what is needed to go on with it.
                let kept = Order {
                    id: order.id,
                    state: order.state,
                    payment_id: order.payment_id,
                    payment_failure: order.payment_failure,
                    ..Default::default()
                };
                found.entry((*user, lines)).or_default().push(kept);
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        page_token = page.next_page_token;
    }
}

/// Pairs the plan's orders with those that are there.
pub fn pair(work: &Work, mut found: Found) -> Vec<(plan::Order, Option<Order>)> {
    let orders = (0..work.plan.orders).map(|index| work.plan.order(index));
    let mut there = |order: &plan::Order| found.get_mut(&(order.user, order.lines.clone()))?.pop();
    orders.map(|order| (there(&order), order)).map(|(there, order)| (order, there)).collect()
}

/// Makes what is missing, and brings every order to where it is to end up.
pub async fn make(
    work: &Work,
    orders: Vec<(plan::Order, Option<Order>)>,
    users: &[String],
    stocked: &[Stocked],
) -> Result<Made, Status> {
    let total = orders.len() as u64;
    let new = orders.iter().filter(|(_, there)| there.is_none()).count() as u64;
    let progress = Progress::new("orders", total - new, total);
    let mut made = Made { new, ..Made::default() };
    let mut making = stream::iter((0u64..).zip(orders))
        .map(|(index, (plan, there))| async move {
            let is_new = there.is_none();
            let order = match there {
                Some(order) => order,
                None => place(work, index, &plan, users, stocked).await?,
            };
            Ok::<_, Status>((bring(work, &plan, order).await?, is_new))
        })
        .buffer_unordered(work.at_once);
    while let Some((state, is_new)) = making.try_next().await? {
        *made.states.entry(state.as_str_name().trim_start_matches("ORDER_STATE_")).or_default() += 1;
        if is_new {
            progress.step();
        }
    }
    progress.end(new);
    drop(making);
    Ok(made)
}

/// The way to the orders.
pub fn client(work: &Work) -> Result<OrderServiceClient<Conn>, Status> {
    Ok(OrderServiceClient::new(work.shop.conn(Role::Order)?))
}

/// The article's id; it is known by now.
pub fn id_of(stocked: &[Stocked], index: u64) -> String {
    stocked.get(index as usize).map(|item| item.id.clone()).unwrap_or_default()
}

async fn place(
    work: &Work,
    index: u64,
    order: &plan::Order,
    users: &[String],
    stocked: &[Stocked],
) -> Result<Order, Status> {
    let line = |(article, quantity): (&u64, &i32)| OrderLine {
        article_id: id_of(stocked, *article),
        quantity: *quantity,
    };
    let request = CreateOrderRequest {
        lines: order.lines.iter().map(line).collect(),
        destination: work.plan.address(order.user).map(Destination::Address),
        payment_method: order.goal.payment_method().to_owned(),
        user_id: users.get(order.user as usize).cloned().unwrap_or_default(),
        ..Default::default()
    };
    // The same numbers with other counts are other orders.
    let Plan { seed, articles, users, .. } = work.plan;
    let key = format!("seed:{seed}:order:{index}:{articles}.{users}.place");
    work.shop.call(&key, request, |request| async { client(work)?.create_order(request).await }).await
}

/// The key of an order's next step. It names the order, not its place in the plan, which another order has where
/// the counts are others.
fn key(order_id: &str, step: &str) -> String {
    format!("seed:{order_id}:{step}")
}

/// What is to be done next with an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Nothing,
    Wait,
    Ship,
    Deliver,
    Cancel,
    Refund,
}

fn next(goal: Goal, state: OrderState, failed: bool) -> Next {
    use OrderState::{AwaitingPayment, CheckingOut, Delivered, Paid, Shipped};
    match (state, goal) {
        (CheckingOut, _) => Next::Wait,
        (AwaitingPayment, Goal::Abandoned) => Next::Cancel,
        (AwaitingPayment, Goal::Waiting | Goal::Declined) => Next::Nothing,
        (AwaitingPayment, _) if !failed => Next::Wait,
        (Paid, Goal::Cancelled) => Next::Cancel,
        (Paid, Goal::Shipped | Goal::Delivered | Goal::PartlyRefunded) => Next::Ship,
        (Shipped, Goal::Delivered | Goal::PartlyRefunded) => Next::Deliver,
        (Delivered, Goal::PartlyRefunded) => Next::Refund,
        _ => Next::Nothing,
    }
}

/// Takes step after step until the order is where it is to end up.
async fn bring(work: &Work, plan: &plan::Order, mut order: Order) -> Result<OrderState, Status> {
    let mut looks = 0;
    loop {
        let (id, etag) = (order.id.clone(), String::new());
        let (carrier, tracking_code) = (plan.carrier.to_owned(), plan.tracking_code.clone());
        let shop = &work.shop;
        order = match next(plan.goal, order.state(), !order.payment_failure.is_empty()) {
            Next::Nothing => return Ok(order.state()),
            Next::Wait if looks == LOOKS => {
                return Err(Status::deadline_exceeded(format!("the order {id} does not come to rest")));
            }
            Next::Wait => {
                looks += 1;
                tokio::time::sleep(LOOK).await;
                let request = GetOrderRequest { id };
                shop.call("", request, |request| async { client(work)?.get_order(request).await }).await?
            }
            Next::Ship => {
                let key = key(&id, "ship");
                let request = ShipOrderRequest { id, carrier, tracking_code, etag, ..Default::default() };
                shop.call(&key, request, |request| async { client(work)?.ship_order(request).await }).await?
            }
            Next::Deliver => {
                let key = key(&id, "deliver");
                let request = DeliverOrderRequest { id, ..Default::default() };
                shop.call(&key, request, |request| async { client(work)?.deliver_order(request).await })
                    .await?
            }
            Next::Cancel => {
                let key = key(&id, "cancel");
                let request = CancelOrderRequest { id, reason: "changed my mind".to_owned(), etag };
                shop.call(&key, request, |request| async { client(work)?.cancel_order(request).await })
                    .await?
            }
            Next::Refund => {
                refund(work, &order).await?;
                return Ok(order.state());
            }
        };
    }
}

/// Gives a quarter of the money back, unless some went back already.
async fn refund(work: &Work, order: &Order) -> Result<(), Status> {
    let client = || Ok::<_, Status>(PaymentServiceClient::new(work.shop.conn(Role::Payment)?));
    let request = GetPaymentRequest { id: order.payment_id.clone() };
    let payment =
        work.shop.call("", request, |request| async { client()?.get_payment(request).await }).await?;
    let amount =
        |money: &Option<contracts::Money>| money.as_ref().and_then(|money| Money::read(money, "").ok());
    let (Some(captured), Some(refunded)) = (amount(&payment.captured), amount(&payment.refunded)) else {
        return Ok(());
    };
    let part = Money::new(captured.minor / 4, captured.currency);
    if refunded.minor > 0 || part.minor == 0 {
        return Ok(());
    }
    let reason = "one came broken".to_owned();
    let request = RefundPaymentRequest { id: payment.id, amount: Some(part.into()), reason };
    let key = key(&order.id, "refund");
    work.shop.call(&key, request, |request| async { client()?.refund_payment(request).await }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goal_is_reached_from_wherever_an_order_was_left() {
        use OrderState::*;
        let end = |goal, mut state| {
            loop {
                state = match next(goal, state, goal == Goal::Declined) {
                    Next::Nothing | Next::Refund => return state,
                    Next::Wait if state == CheckingOut => AwaitingPayment,
                    Next::Wait => Paid,
                    Next::Ship => Shipped,
                    Next::Deliver => Delivered,
                    Next::Cancel => Cancelled,
                }
            }
        };
        for (goal, expected) in [
            (Goal::Delivered, Delivered),
            (Goal::PartlyRefunded, Delivered),
            (Goal::Shipped, Shipped),
            (Goal::Paid, Paid),
            (Goal::Cancelled, Cancelled),
            (Goal::Abandoned, Cancelled),
            (Goal::Waiting, AwaitingPayment),
            (Goal::Declined, AwaitingPayment),
        ] {
            assert_eq!(end(goal, CheckingOut), expected, "{goal:?}");
            assert_eq!(end(goal, expected), expected, "{goal:?}");
            assert_eq!(end(goal, Expired), Expired, "{goal:?}");
        }
    }
}
