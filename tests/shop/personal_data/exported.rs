//! What of a person's rows is in the copy that ExportUser makes, and what is not, with the reason.

use std::collections::BTreeMap;

use contracts::mesh::{ExportUserRequest, ExportUserResponse};

use super::{held, person::Person, setting};
use crate::support::{Mesh, Setup};

/// How a table is in the copy.
enum Table {
    /// Its rows are records of a kind, which is a resource of the contract: columns by their names, but for some.
    As(&'static str, &'static [(&'static str, Column)]),
    /// It is not, and why.
    Not(&'static str),
}

/// How a column is in the copy whose name is not a field's.
enum Column {
    /// As another field.
    Is(&'static str),
    /// It is not, and why.
    Not(&'static str),
}

use Column::{Is, Not};
use Table::As;

const FOLDED: Column = Not("another's form, to be compared");
const VERSION: Column = Is("etag");
const SECRET: Column = Not("a secret that is not the person's to take along");
const OF_RECORD: Column = Not("says whose it is, and all of the copy is one person's");

/// Every table, by `role.table`.
fn table(name: &str) -> Option<Table> {
    let table = name.split_once('.').map_or(name, |(_, table)| table);
    let shared = match table {
        "idempotency" => "answers that were given, for a day; what they say is in the copy",
        "outbox" => "events of what is in the copy, for a week",
        "feed_head" | "feed_cursor" | "instances" | "seaql_migrations" => "of the shop itself",
        _ => "",
    };
    if !shared.is_empty() {
        return Some(Table::Not(shared));
    }
    Some(match name {
        "user.users" => As(
            "feira.user.v1.User",
            &[
                ("username_folded", FOLDED),
                ("email_folded", FOLDED),
                ("first_name_folded", FOLDED),
                ("last_name_folded", FOLDED),
                ("second_factor", Not("there is a record of it")),
                ("password_hash", SECRET),
                ("password_printed", Is("passwordChangeRequired")),
                ("customer", Is("roles")),
                ("staff", Is("roles")),
                ("admin", Is("roles")),
                ("role_id", Is("roleIds")),
                ("token_version", Not("counts changes")),
                ("version", VERSION),
            ],
        ),
        "user.user_words" => Table::Not("words of username, e-mail and names"),
        "user.addresses" => As(
            "feira.user.v1.Address",
            &[
                ("street_lines", Is("lines")),
                ("version", VERSION),
                ("create_time", Not("no field of the resource")),
                ("update_time", Not("no field of the resource")),
            ],
        ),
        "user.sessions" => As("feira.user.v1.Session", &[("last_time", Is("lastUsedTime"))]),
        "user.refresh_tokens" | "user.recovery_codes" | "user.one_time_tokens" => {
            Table::Not("hashes and marks of secrets; how many codes are left is in the second factor")
        }
        "user.api_keys" => As(
            "feira.user.v1.ApiKey",
            &[
                ("secret_hash", SECRET),
                ("old_hash", SECRET),
                ("old_expire_time", Not("until when a secret counts that was replaced")),
                ("version", Not("counts changes")),
            ],
        ),
        "user.passkeys" => As(
            "feira.user.v1.Passkey",
            &[
                ("credential_hash", Not("of the next, to be compared")),
                ("credential_id", Not("by what the authenticator finds its key, and has it")),
                ("public_key", Not("the authenticator has it, and nobody else can use it")),
                ("transports", Not("how browsers reach the authenticator")),
                ("backup", Is("backedUp")),
                ("sign_count", Not("the authenticator's count")),
            ],
        ),
        "user.spent_challenges" => Table::Not("random numbers, for minutes"),
        "user.second_factors" => As(
            "feira.user.v1.SecondFactor",
            &[("user_id", OF_RECORD), ("wrapped_secret", SECRET), ("last_step", Is("lastUsedTime"))],
        ),
        "user.user_mails" => As(
            "feira.user.v1.AccountMail",
            &[
                ("user_id", OF_RECORD),
                ("tries", Not("how often the mail server was asked")),
                ("next_try", Not("when the mail server is asked")),
                ("claim", Not("which process sends it")),
            ],
        ),
        "user.audit_events" => As("feira.user.v1.AuditEvent", &[]),
        "user.sign_in_failures" => Table::Not("counts by hashes, for a day"),
        "user.roles" | "user.signing_keys" => Table::Not("of the shop itself"),
        "order.orders" => As(
            "feira.order.v1.Order",
            &[
                ("currency", Is("total")),
                ("total_minor", Is("total")),
                ("refunded_minor", Is("refunded")),
                ("refunded_currency", Is("refunded")),
                ("refunds", Is("refunded")),
                ("basket_of", Is("state")),
                ("direct", Not("how it was placed, for the checkout's sake")),
                ("user_erased", Not("there is no copy any more when it is set")),
                ("payment_method", Not("a token of the payment provider; the payment is in the copy")),
                ("carrier", Not("stands in the history")),
                ("tracking_folded", FOLDED),
                ("events", Not("counts the history, which is in the copy")),
                ("version", VERSION),
                ("attempt", Not("of the checkout's work")),
                ("step", Not("of the checkout's work")),
                ("lease_until", Not("of the checkout's work")),
                ("fence", Not("of the checkout's work")),
                ("claim", Not("of the checkout's work")),
                ("expire_time", Not("of the checkout's work")),
            ],
        ),
        "order.order_lines" => As(
            "feira.order.v1.Line",
            &[
                ("order_id", OF_RECORD),
                ("unit_price_minor", Is("unitPrice")),
                ("currency", Is("unitPrice")),
                ("returned", Not("in what was bought")),
            ],
        ),
        "order.order_adjustments" => As(
            "feira.order.v1.Adjustment",
            &[
                ("order_id", OF_RECORD),
                ("kind", Is("type")),
                ("amount_minor", Is("amount")),
                ("currency", Is("amount")),
                ("given_minor", Is("given")),
                ("given_currency", Is("given")),
                ("automatic", Not("whether staff gave it")),
            ],
        ),
        "order.order_events" => As("feira.order.v1.OrderEvent", &[]),
        "order.order_purchases" => As("feira.order.v1.Purchase", &[("user_id", OF_RECORD)]),
        "order.order_payments" | "order.order_reservations" => {
            Table::Not("of the checkout's work; the payments are in the copy")
        }
        "order.order_mails" => {
            Table::Not("which event of the history was told by mail; no words, no address")
        }
        "payment.payments" => As(
            "feira.payment.v1.Payment",
            &[
                ("currency", Is("amount")),
                ("amount_minor", Is("amount")),
                ("fee_minor", Is("fee")),
                ("authorized_minor", Is("authorized")),
                ("captured_minor", Is("captured")),
                ("voided_minor", Is("voided")),
                ("refunded_minor", Is("refunded")),
                ("refund_pending_minor", Is("refundPending")),
                ("disputed_minor", Is("disputed")),
                ("action", Is("actionUrl")),
                ("method", Not("a token of the payment provider")),
                ("capture", Not("of the provider's work")),
                (
                    "asked_minor",
                    Not("what was asked for, where the provider says another amount: a flag tells"),
                ),
                ("asked_currency", Not("what was asked for, where the provider says another: a flag tells")),
                ("operation", Not("of the provider's work")),
                ("operation_reason", Not("of the provider's work")),
                ("operation_claim", Not("of the provider's work")),
                ("attempts", Not("of the provider's work")),
                ("next_poll_time", Not("of the provider's work")),
                ("last_sequence", Not("counts the steps, which are in the copy")),
                ("version", Not("counts changes")),
            ],
        ),
        "payment.payment_events" => As("feira.payment.v1.PaymentEvent", &[]),
        "payment.refunds" => As(
            "feira.payment.v1.Refund",
            &[
                ("amount_minor", Is("amount")),
                ("currency", Is("amount")),
                ("failure_reason", Not("stands in the steps")),
                ("claim", Not("of the provider's work")),
                ("by_hand", Not("of the provider's work")),
                ("at_provider", Not("of the provider's work")),
                ("came_back", Not("stands in the steps")),
                ("attempts", Not("of the provider's work")),
                ("next_poll_time", Not("of the provider's work")),
                ("version", Not("counts changes")),
                ("update_time", Not("stands in the steps")),
            ],
        ),
        "payment.disputes" => As(
            "feira.payment.v1.Dispute",
            &[
                ("amount_minor", Is("amount")),
                ("currency", Is("amount")),
                ("was_withdrawn", Is("withdrawn")),
                ("was_reinstated", Is("withdrawn")),
            ],
        ),
        "payment.dispute_fees" | "payment.ledger_entries" => Table::Not("the shop's own books, by payments"),
        "payment.provider_events" | "payment.provider_cursors" => {
            Table::Not("which webhooks came, for a month")
        }
        _ if name.starts_with("payment.simulator_") => {
            Table::Not("the simulated provider's: another company's")
        }
        "article.reservations" | "article.stock_movements" => {
            Table::Not("the goods' side of orders, which are in the copy")
        }
        _ if name.starts_with("article.") => Table::Not("goods"),
        _ if name.starts_with("mesh.") => Table::Not("which ids something happened to"),
        _ => return None,
    })
}

/// A column that is neither in the copy nor said not to be.
fn is_missing(column: &str) -> bool {
    let (name, column) = column.rsplit_once('.').expect("role.table.column");
    let (message, columns) = match table(name) {
        None => return true,
        Some(Table::Not(reason)) => return reason.is_empty(),
        Some(As(message, columns)) => (message, columns),
    };
    let message = contracts::pool().get_message_by_name(message).expect("a resource of the contract");
    let has = |field: &str| message.fields().any(|known| known.json_name() == field);
    match columns.iter().find(|(name, _)| *name == column) {
        Some((_, Not(reason))) => reason.is_empty(),
        Some((_, Is(field))) => !has(field),
        None => !has(&held::camel(column)),
    }
}

/// Covers: user.export.
pub async fn all_that_is_held_about_a_person_is_in_the_copy_or_named_here(setup: Setup) {
    let mesh: Mesh = setting(setup).start().await;
    let staff = mesh.admin().await;
    let person = Person::live(&mesh, &staff).await;
    let held = held::all(&mesh).await;
    let missing: Vec<&String> = held.columns.iter().filter(|column| is_missing(column)).collect();
    assert!(missing.is_empty(), "neither in the copy of ExportUser nor named here: {missing:?}");
    let copy = staff.export_user(ExportUserRequest { id: person.id.clone() }).await.rest().await;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for ExportUserResponse { kind, .. } in &copy {
        *kinds.entry(kind).or_default() += 1;
    }
    for (kind, least) in [
        ("user", 1),
        ("address", 2),
        ("session", 2),
        ("api_key", 1),
        ("passkey", 1),
        ("second_factor", 1),
        ("mail", 1),
        ("audit_event", 5),
        ("order", 5),
        ("order_event", 15),
        ("purchase", 1),
        ("payment", 4),
        ("refund", 1),
        ("payment_event", 8),
    ] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= least), "{kind}: {kinds:?}");
    }
    // Every word of hers that stands in such a row is in it.
    let copied = held::marked(format!("{copy:?}").as_bytes());
    // In a message's bytes the next field's may look like letters.
    let is_in = |word: &str| {
        copied.iter().any(|copy| word.starts_with(copy.as_str()) && word.len() <= copy.len() + 2)
    };
    let is_copied =
        |column: &str| column.rsplit_once('.').is_some_and(|(name, _)| matches!(table(name), Some(As(..))));
    for cell in held.cells.iter().filter(|cell| is_copied(&cell.column)) {
        let left: Vec<String> = held::marked(&cell.bytes).into_iter().filter(|word| !is_in(word)).collect();
        assert!(left.is_empty(), "{} holds {left:?}, and the copy does not", cell.column);
    }
}
