//! The audit: each service checks its own equations; those between services are checked here, order by order,
//! while the shop goes on. See the crate's README for why a second read is enough.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};

use contracts::mesh::{
    CheckEquationsRequest, OrderFigures, ReadFiguresRequest, ReadFiguresResponse, VerifyAuditResponse,
    Violation, node_service_client::NodeServiceClient,
};
use futures::future::{try_join, try_join_all};
use kit::{Call, Context, Mesh, Role, audit::MOST};
use tonic::{Status, Streaming};

use crate::{domain::judge, error::Error};

/// The roles that contribute to the audit.
const AUDITED: [Role; 3] = [Role::Article, Role::Order, Role::Payment];
/// How often what keeps changing is read again before it counts as in flight.
const ROUNDS: usize = 5;
/// Suspicious orders that are followed at the most; whoever has more has more than enough violations.
const MOST_SUSPECTS: usize = 10_000;
/// Orders that one call names at the most.
const NAMED: usize = 1_000;

/// Checks every equation; one audit at a time.
pub struct Auditor {
    mesh: Mesh,
    settle: Duration,
    turn: tokio::sync::Mutex<()>,
}

/// What the services say of themselves.
#[derive(Default)]
struct Own {
    checked: i64,
    violations: Vec<Violation>,
}

impl Auditor {
    /// `settle`: how long a difference must last.
    pub fn new(context: &Context, settle: Duration) -> Self {
        Self { mesh: context.mesh.clone(), settle, turn: tokio::sync::Mutex::default() }
    }

    /// Checks everything once.
    pub async fn verify(&self, call: &Call) -> Result<VerifyAuditResponse, Error> {
        // An audit reads every row of every service: several at the same time would only slow each other down.
        let _turn = self.turn.lock().await;
        let mut suspects = Vec::new();
        let mut in_flight = 0;
        let between = self.read(call, &[], |figures| {
            let judgement = judge(&figures);
            if judgement.violations.is_empty() {
                in_flight += i32::from(judgement.in_flight);
            } else if suspects.len() < MOST_SUSPECTS {
                suspects.push(figures);
            }
        });
        let (mut own, ()) = try_join(self.own(call), between).await?;
        let mut violations = Vec::new();
        for round in 0..ROUNDS {
            if suspects.is_empty() && own.violations.is_empty() {
                break;
            }
            tokio::time::sleep(self.settle).await;
            // A service's own equations are checked in one statement, of one moment. What is still wrong at the second
            // look was not a commit in between.
            if round == 0 && !own.violations.is_empty() {
                let still: HashSet<_> = self.own(call).await?.violations.into_iter().map(key).collect();
                own.violations.retain(|violation| still.contains(&key(violation.clone())));
                violations.append(&mut own.violations);
            }
            let mut changed = Vec::new();
            for (before, now) in self.again(call, suspects).await? {
                let judgement = judge(&now);
                if judgement.violations.is_empty() {
                    in_flight += i32::from(judgement.in_flight);
                // The services are read one after the other, so an order that changes meanwhile may look wrong. With
                // unchanged versions at both reads, what was read in between was of one moment. An event on its way
                // changes no version: it has all rounds to arrive.
                } else if before == now && (!judgement.may_be_late || round + 1 == ROUNDS) {
                    violations.extend(judgement.violations);
                } else {
                    changed.push(now);
                }
            }
            suspects = changed;
        }
        in_flight = in_flight.saturating_add(i32::try_from(suspects.len()).unwrap_or(i32::MAX));
        violations.truncate(MOST);
        Ok(VerifyAuditResponse {
            ok: violations.is_empty(),
            checked: i32::try_from(own.checked).unwrap_or(i32::MAX),
            violations,
            in_flight,
        })
    }

    /// The equations that each service checks by itself.
    async fn own(&self, call: &Call) -> Result<Own, Error> {
        let ask = |role: Role| async move {
            let request = call.request(CheckEquationsRequest { role: role.name().to_owned() });
            let mut client = self.client(role);
            client.check_equations(request).await.map_err(|status| cannot_tell(role, status))
        };
        let answers = try_join_all(AUDITED.map(ask)).await?;
        Ok(answers.into_iter().fold(Own::default(), |mut own, answer| {
            let answer = answer.into_inner();
            own.checked += answer.checked;
            own.violations.extend(answer.violations);
            own
        }))
    }

    /// Reads suspicious orders once more: what they were, and what they are.
    async fn again(
        &self,
        call: &Call,
        suspects: Vec<OrderFigures>,
    ) -> Result<Vec<(OrderFigures, OrderFigures)>, Error> {
        let ids: Vec<String> = suspects.iter().map(|order| order.order_id.clone()).collect();
        let mut now: HashMap<String, OrderFigures> = HashMap::new();
        for ids in ids.chunks(NAMED) {
            self.read(call, ids, |order| {
                now.insert(order.order_id.clone(), order);
            })
            .await?;
        }
        let pair = |before: OrderFigures| {
            let now = now.remove(&before.order_id).unwrap_or_default();
            (before, now)
        };
        Ok(suspects.into_iter().map(pair).collect())
    }

    /// Reads what all services know of orders, those named or all of them, one order after the other.
    async fn read(
        &self,
        call: &Call,
        order_ids: &[String],
        mut each: impl FnMut(OrderFigures),
    ) -> Result<(), Error> {
        let open = AUDITED.map(|role| async move {
            let (role_name, order_ids) = (role.name().to_owned(), order_ids.to_vec());
            let request = call.request(ReadFiguresRequest { role: role_name, order_ids });
            let stream = self.client(role).read_figures(request).await;
            let stream = stream.map_err(|status| cannot_tell(role, status))?.into_inner();
            Ok::<_, Error>(Figures { role, stream, page: VecDeque::new() })
        });
        let mut sources = try_join_all(open).await?;
        loop {
            // All streams come in the order of the ids, so they are merged, and no service's whole answer is held.
            for source in &mut sources {
                source.fill().await?;
            }
            let heads = sources.iter().filter_map(|source| Some(source.page.front()?.order_id.clone()));
            let Some(id) = heads.min() else { return Ok(()) };
            let parts = sources.iter_mut().filter_map(|source| source.take(&id));
            let whole = OrderFigures { order_id: id.clone(), ..Default::default() };
            each(parts.fold(whole, joined));
        }
    }

    fn client(&self, role: Role) -> NodeServiceClient<kit::Conn> {
        NodeServiceClient::new(self.mesh.conn(Role::Mesh, role))
    }
}

/// What one service knows of orders, as it comes in.
struct Figures {
    role: Role,
    stream: Streaming<ReadFiguresResponse>,
    page: VecDeque<OrderFigures>,
}

impl Figures {
    /// Has the next order at hand, if there is one.
    async fn fill(&mut self) -> Result<(), Error> {
        while self.page.is_empty() {
            match self.stream.message().await.map_err(|status| cannot_tell(self.role, status))? {
                Some(page) => self.page.extend(page.orders),
                None => break,
            }
        }
        Ok(())
    }

    /// Takes what it knows of an order, if that is the next.
    fn take(&mut self, id: &str) -> Option<OrderFigures> {
        if self.page.front()?.order_id == id { self.page.pop_front() } else { None }
    }
}

fn joined(mut whole: OrderFigures, part: OrderFigures) -> OrderFigures {
    whole.order = whole.order.or(part.order);
    whole.reservations.extend(part.reservations);
    whole.payments.extend(part.payments);
    whole
}

/// A violation as such, whatever its figures are by now.
fn key(violation: Violation) -> (String, Vec<String>) {
    (violation.equation, violation.ids)
}

fn cannot_tell(role: Role, status: Status) -> Error {
    tracing::warn!(%role, code = ?status.code(), message = status.message(), "a service cannot be audited");
    Error::CannotTell(role, Box::new(status))
}
