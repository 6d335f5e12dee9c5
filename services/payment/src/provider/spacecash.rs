//! SpaceCash: a provider with two calls and no others. A charge is created and then acknowledged; it cannot
//! be queried, captured apart, voided or refunded, and it has no idempotency: each call is sent once.

use std::time::Duration;

use kit::{Money, StartError};
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header};

use super::{Provider, http};
use crate::domain::{Capabilities, Charge, ChargeSnapshot, ChargeStatus, Failure, Outcome};

/// Its name in configuration and payments.
pub const NAME: &str = "spacecash";
/// The longest id of a payment that is taken, in bytes.
const LONGEST_ID: usize = 128;

/// The client.
pub struct SpaceCash {
    client: Client,
    create: Url,
    acknowledge: Url,
}

impl SpaceCash {
    /// A client of the server at `url`. An answer may take `timeout`.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, StartError> {
        let base = http::url("SpaceCash", url)?;
        if base.query().is_some() || base.fragment().is_some() {
            let message = format!("SpaceCash's URL {url:?} has more than a path");
            return Err(StartError::Settings(message));
        }
        let base = url.trim_end_matches('/');
        let at = |call: &str| http::url("SpaceCash", &format!("{base}/{call}"));
        let (create, acknowledge) = (at("CreatePayment")?, at("AcknolagePayment")?);
        Ok(Self { client: http::client_that_sends_once(&create, timeout)?, create, acknowledge })
    }
}

/// The engine never calls for what it cannot do: its capabilities say so.
fn cannot() -> Outcome {
    Err(Failure::Refused { reason: "UNSUPPORTED".to_owned(), snapshot: None })
}

#[async_trait::async_trait]
impl Provider for SpaceCash {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "SpaceCash"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            idempotent: false,
            can_query: false,
            can_void: false,
            can_refund: false,
            partial_refund: false,
            can_acknowledge: true,
        }
    }

    fn accepts(&self, method: &str) -> bool {
        method.is_empty()
    }

    /// It has no call that changes nothing, so whether it lets itself be connected to is all there is to know.
    async fn reach(&self) -> Result<String, String> {
        let address = self.create.host_str().zip(self.create.port_or_known_default());
        let Some((host, port)) = address else { return Err("its URL has no host".to_owned()) };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match tokio::net::TcpStream::connect((host, port)).await {
            Ok(_) => Ok(format!("{host}:{port} lets itself be connected to")),
            Err(error) => Err(format!("{host}:{port}: {error}")),
        }
    }

    async fn authorize(&self, _key: &str, charge: &Charge) -> Outcome {
        let request = self.client.post(self.create.clone());
        let request = request.header(header::CONTENT_TYPE, "application/json").body(creation(charge));
        let response = definite(send(request).await?)?;
        match read(response).await?.as_str() {
            "" => Err(Failure::Refused { reason: "DECLINED".to_owned(), snapshot: None }),
            id => Ok(ChargeSnapshot::new(id, ChargeStatus::Waiting { action: String::new() })),
        }
    }

    async fn acknowledge(&self, _key: &str, charge: &Charge) -> Outcome {
        let mut url = self.acknowledge.clone();
        url.query_pairs_mut().append_pair("PaymentID", &charge.reference);
        // Any 2xx means paid, whatever it says beside that.
        definite(send(self.client.get(url)).await?)?;
        Ok(ChargeSnapshot::new(&charge.reference, ChargeStatus::Captured))
    }

    async fn capture(&self, _key: &str, _charge: &Charge) -> Outcome {
        cannot()
    }

    async fn void(&self, _key: &str, _charge: &Charge) -> Outcome {
        cannot()
    }

    async fn refund(&self, _key: &str, _charge: &Charge, _amount: Money) -> Outcome {
        cannot()
    }

    async fn query(&self, _charge: &Charge) -> Result<Option<ChargeSnapshot>, Failure> {
        Err(Failure::NotSent { problem: "SpaceCash cannot be queried".to_owned() })
    }
}

/// The body that creates a payment. Amounts are JSON numbers with the currency's decimals: text made of whole
/// minor units, never a float.
fn creation(charge: &Charge) -> String {
    let number = |money: Money| money.to_string().split(' ').next().unwrap_or_default().to_owned();
    format!(
        r#"{{"CustomerId":"{}","PaymentTypeId":{},"TotalAmount":{},"Fee":{},"IsPaid":false}}"#,
        charge.user_id,
        charge.payment_type,
        number(charge.amount),
        number(charge.fee)
    )
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(http::failure)
}

/// A success; 4xx is a refusal, and after anything else nobody knows what happened.
fn definite(response: Response) -> Result<Response, Failure> {
    let status = response.status();
    if status.is_success() { Ok(response) } else { Err(refused(status)) }
}

fn refused(status: StatusCode) -> Failure {
    if status.is_client_error() {
        Failure::Refused { reason: format!("HTTP_{}", status.as_u16()), snapshot: None }
    } else {
        Failure::Unknown { problem: format!("answered {status}") }
    }
}

/// The id in an answer; empty where there is none. An answer that was cut off, or that is no id, may come
/// from a payment that was made: nobody knows.
async fn read(mut response: Response) -> Result<String, Failure> {
    let unknown = |problem: &str| Failure::Unknown { problem: format!("unreadable answer: {problem}") };
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(4 * LONGEST_ID)]),
            Ok(None) => break,
            Err(error) => return Err(unknown(&error.without_url().to_string())),
        }
        if body.len() > 2 * LONGEST_ID {
            return Err(unknown("it is too long for an id"));
        }
    }
    let id = body.trim_ascii();
    let fits = |byte: &u8| byte.is_ascii_graphic() && !br#"<>{}"#.contains(byte);
    match String::from_utf8(id.to_vec()) {
        Ok(text) if id.len() <= LONGEST_ID && id.iter().all(fits) => Ok(text),
        _ => Err(unknown("it is no id")),
    }
}

#[cfg(test)]
mod tests {
    use kit::{
        Time,
        id::{Id, OrderId, PaymentId, UserId},
    };
    use proptest::prelude::*;

    use super::*;

    fn charge(amount: &str, fee: &str) -> Charge {
        Charge {
            payment_id: PaymentId::new(),
            order_id: OrderId::new(),
            create_time: Time(0),
            user_id: "usr_01h455vb4pex5vsknk084sn02q".parse().unwrap(),
            payment_type: 2,
            reference: String::new(),
            amount: amount.parse().unwrap(),
            fee: fee.parse().unwrap(),
            capture: false,
            method: String::new(),
        }
    }

    #[test]
    fn a_payment_is_created_with_exact_numbers() {
        let expected = r#"{"CustomerId":"usr_01h455vb4pex5vsknk084sn02q","PaymentTypeId":2,"TotalAmount":12.99,"Fee":0.50,"IsPaid":false}"#;
        assert_eq!(creation(&charge("12.99 EUR", "0.50 EUR")), expected);
        let body = creation(&charge("90071992547409.93 EUR", "0.00 EUR"));
        assert!(body.contains(r#""TotalAmount":90071992547409.93,"Fee":0.00,"#), "{body}");
        let body = creation(&charge("500 JPY", "0 JPY"));
        assert!(body.contains(r#""TotalAmount":500,"Fee":0,"#), "{body}");
        let body = creation(&charge("1.005 KWD", "0.001 KWD"));
        assert!(body.contains(r#""TotalAmount":1.005,"Fee":0.001,"#), "{body}");
    }

    #[test]
    fn only_4xx_is_a_refusal() {
        for (status, is_refusal) in
            [(400, true), (404, true), (408, true), (429, true), (500, false), (503, false), (302, false)]
        {
            let refused = matches!(refused(StatusCode::from_u16(status).unwrap()), Failure::Refused { .. });
            assert_eq!(refused, is_refusal, "{status}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_is_sent_as_it_is(minor in 0i64..) {
            let amount = Money::new(minor, "EUR".parse().unwrap());
            let charge = Charge { amount, user_id: UserId::new(), ..charge("0.00 EUR", "0.00 EUR") };
            let body = creation(&charge);
            let sent = body.split_once(r#""TotalAmount":"#).unwrap().1.split_once(',').unwrap().0;
            prop_assert_eq!(sent.replace('.', "").parse::<i64>().unwrap(), minor);
            serde_json::from_str::<serde_json::Value>(&body).unwrap();
        }
    }
}
