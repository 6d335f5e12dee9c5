//! What mails say: English, plain text, amounts to the last digit.

use std::fmt::Write;

use contracts::user::{Address, User};
use kit::{
    Fault, Money,
    mail::plain::{line, plain},
};
use prost::Message;

use crate::{
    domain::{MailKind, State, totals},
    error::Error,
    store::{View, mails::Row},
};

/// A mail's words.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    pub subject: String,
    pub body: String,
}

/// Writes the mail of a row, from the order as it is.
pub fn write(row: &Row, view: &View, user: &User, signature: &str) -> Result<Text, Error> {
    let number = view.order.shown_number();
    let (subject, body) = match row.kind {
        MailKind::Placed => (format!("Your order {number}"), placed(view)?),
        MailKind::Shipped => (format!("Your order {number} is on its way"), shipped(view)?),
        MailKind::Cancelled => (format!("Your order {number} is cancelled"), cancelled(view)),
        MailKind::Expired => (format!("Your order {number} is cancelled"), expired(view)),
        MailKind::Refunded => {
            let amount = row.amount()?.ok_or_else(|| Fault::internal("a refund of nothing"))?;
            (format!("A refund for your order {number}"), refunded(view, amount))
        }
    };
    let name = if user.first_name.is_empty() { &user.username } else { &user.first_name };
    let greeting = format!("Hello {},\n\n", plain(name));
    let signature =
        if signature.is_empty() { String::new() } else { format!("\n-- \n{}\n", line(signature)) };
    Ok(Text { subject, body: [greeting, body, signature].concat() })
}

fn placed(view: &View) -> Result<String, Error> {
    let order = &view.order;
    let mut text = format!("thank you for your order {}. ", order.shown_number());
    if order.state == State::AwaitingPayment {
        text += "We prepare it as soon as it is paid.\n";
        if order.payment_action_url.is_empty() {
            text += "Your payment is under way.\n";
        } else {
            let _ = writeln!(text, "You can pay here:\n\n{}", line(&order.payment_action_url));
        }
    } else {
        text += "It is paid, and we prepare it now.\n";
    }
    Ok([text, contents(view)?, destination(view)?].concat())
}

fn shipped(view: &View) -> Result<String, Error> {
    let order = &view.order;
    let mut text = format!("your order {} is on its way", order.shown_number());
    match (order.carrier.as_str(), order.tracking_code.as_str()) {
        ("", "") => text += ".\n",
        (carrier, "") => {
            let _ = writeln!(text, " with {}.", plain(carrier));
        }
        ("", code) => {
            let _ = writeln!(text, ".\n\nTracking code: {}", plain(code));
        }
        (carrier, code) => {
            let _ = writeln!(text, " with {}.\n\nTracking code: {}", plain(carrier), plain(code));
        }
    }
    Ok([text, contents(view)?, destination(view)?].concat())
}

fn cancelled(view: &View) -> String {
    format!(
        "your order {} is cancelled. What you have paid goes back to where it came from; we write again when it does.\n",
        view.order.shown_number()
    )
}

fn expired(view: &View) -> String {
    format!(
        "your order {} was not paid in time, so it is cancelled. Nothing was charged. You are welcome to order again.\n",
        view.order.shown_number()
    )
}

fn refunded(view: &View, amount: Money) -> String {
    format!(
        "we have refunded {amount} for your order {}. It goes back to where you paid from; how soon it shows there is up to your bank.\n",
        view.order.shown_number()
    )
}

/// Lines, adjustments and totals, the amounts below each other.
fn contents(view: &View) -> Result<String, Error> {
    let Some(totals) = totals(&view.lines, &view.adjustments)? else { return Ok(String::new()) };
    let mut rows = Vec::new();
    for item in &view.lines {
        rows.push((
            format!("{} × {} ({})", item.quantity, plain(&item.name), plain(&item.code)),
            item.total()?,
        ));
    }
    for adjustment in &view.adjustments {
        rows.push((plain(&adjustment.label), adjustment.amount));
    }
    rows.push(("Total".to_owned(), totals.total));
    if totals.tax_included.minor != 0 {
        rows.push(("of which tax".to_owned(), totals.tax_included));
    }
    let rows: Vec<_> = rows.into_iter().map(|(what, amount)| (what, amount.to_string())).collect();
    let width = |text: &str| text.chars().count();
    let left = rows.iter().map(|(what, _)| width(what)).max().unwrap_or(0);
    let right = rows.iter().map(|(_, amount)| width(amount)).max().unwrap_or(0);
    let mut text = "\n".to_owned();
    for (what, amount) in rows {
        let _ = writeln!(text, "  {what:left$}  {amount:>right$}");
    }
    Ok(text)
}

fn destination(view: &View) -> Result<String, Error> {
    let Some(bytes) = &view.order.address else { return Ok(String::new()) };
    let address = Address::decode(bytes.as_slice()).map_err(Fault::internal)?;
    let city = [address.postal_code.as_str(), address.city.as_str()].join(" ");
    let parts = std::iter::once(&address.recipient).chain(&address.lines).chain([
        &city,
        &address.region,
        &address.country_code,
    ]);
    let parts = parts.map(|part| plain(part)).filter(|part| !part.is_empty());
    Ok(parts.fold("\nIt goes to:\n\n".to_owned(), |text, part| text + "  " + &part + "\n"))
}

#[cfg(test)]
mod tests;
