//! A person who leaves unmistakable words wherever the API lets anybody write.

use std::time::{SystemTime, UNIX_EPOCH};

use contracts::order::OrderState;
use serde_json::{Value, json};
use totp_rs::Totp;

use crate::{
    passkeys::ORIGIN,
    support::{Mesh, Shopper, authenticator::Authenticator, eur, rest::Rest},
};

/// From where she calls, as the trusted proxy says.
const ADDRESS: &str = "203.0.113.177";

/// What every word of hers begins with.
pub const MARK: &str = "zqxwv";

/// The person, and what she has done.
pub struct Person {
    pub id: String,
    pub http: Rest,
    /// Every word that she has written, or that was made for her alone.
    pub words: Vec<String>,
    /// Her orders.
    pub delivered: String,
    pub on_its_way: String,
    pub basket: String,
    pub cancelled: String,
}

fn address(mark: &str) -> Value {
    json!({
        "recipient": format!("Zqxwvrecipient{mark} X"),
        "lines": [format!("Zqxwvline{mark} 1"), format!("Zqxwvfloor{mark}")],
        "postalCode": format!("zqxwv-{mark}-4711"),
        "city": format!("Zqxwvcity{mark}"),
        "region": format!("Zqxwvregion{mark}"),
        "countryCode": "PT",
        "phone": "+351 912 345 987",
    })
}

impl Person {
    /// She registers, signs in, and does what can be done.
    pub async fn live(mesh: &Mesh, staff: &Shopper) -> Self {
        let stranger = mesh
            .http()
            .with("user-agent", "Zqxwvagent/1.0")
            .with("x-forwarded-for", ADDRESS)
            .with("x-request-id", "zqxwvrequest-1");
        let password = "zqxwvpassword of hers";
        let account = json!({
            "username": "Zqxwvusername", "email": "Zqxwvmailbox@zqxwvdomain.example.org", "password": password,
            "firstName": "Zqxwvfirst", "lastName": "Zqxwvlast-Zqxwvmaiden", "address": address("book"),
        });
        let keyed = |http: &Rest, key: &str| http.clone().with("idempotency-key", key);
        let made = keyed(&stranger, "zqxwvkey-register").post("/v1/users", account).await;
        let id = made.expect(201)["id"].as_str().unwrap().to_owned();
        let wrong = json!({"login": "Zqxwvusername", "password": "zqxwvwrong password"});
        stranger.post("/v1/auth:signIn", wrong).await.expect(401);
        let right = json!({"login": " zqxwvMAILBOX@zqxwvdomain.example.org", "password": password});
        let tokens = stranger.post("/v1/auth:signIn", right.clone()).await.expect(200).clone();
        let http =
            stranger.with("authorization", &format!("Bearer {}", tokens["accessToken"].as_str().unwrap()));
        stranger.post("/v1/auth:signIn", right).await.expect(200);
        let reset = json!({"email": "zqxwvmailbox@zqxwvDOMAIN.example.org"});
        stranger.post("/v1/auth:requestPasswordReset", reset).await.expect(204);
        let changed = json!({"firstName": "Zqxwvfirst", "email": "Zqxwvother@zqxwvdomain.example.org"});
        keyed(&http, "zqxwvkey-change").patch("/v1/users/me", changed).await.expect(200);
        http.post("/v1/users/me:requestEmailConfirmation", json!({})).await.expect(204);
        let second = keyed(&http, "zqxwvkey-address").post("/v1/users/me/addresses", address("second")).await;
        let second = second.expect(201)["id"].clone();
        let key =
            keyed(&http, "zqxwvkey-key").post("/v1/users/me/apiKeys", json!({"name": "Zqxwvkeyname"})).await;
        let secret = key.expect(201)["secret"].as_str().unwrap().to_owned();
        let program = mesh.http().with("user-agent", "Zqxwvprogram/2").with("x-forwarded-for", ADDRESS);
        let program = program.with("authorization", &format!("Bearer {secret}"));
        program.get("/v1/users/me").await.expect(200);
        let asked = http.post("/v1/users/me/passkeys:start", json!({})).await.expect(200).clone();
        let credential = Authenticator::p256(ORIGIN).create(asked["options"].as_str().unwrap());
        let passkey = json!({
            "name": "Zqxwvpasskey", "challengeToken": asked["challengeToken"], "credential": credential,
        });
        keyed(&http, "zqxwvkey-passkey").post("/v1/users/me/passkeys", passkey).await.expect(201);
        // Refused, which is recorded.
        http.get("/v1/auditEvents").await.expect(403);
        let factor = http.post("/v1/users/me/totp:start", json!({})).await.expect(200).clone();
        let totp = Totp::from_url(factor["otpauthUri"].as_str().unwrap()).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let code = json!({"code": totp.generate(now).to_string()});
        let codes = http.post("/v1/users/me/totp:confirm", code).await.expect(200).clone();

        let article = staff.stocked(eur(1000), 100).await;
        let order = async |key: &str, destination: (&str, Value), method: &str| {
            let mut order =
                json!({"lines": [{"articleId": article.id, "quantity": 1}], "paymentMethod": method});
            order[destination.0] = destination.1;
            let placed = keyed(&http, key).post("/v1/orders", order).await;
            placed.expect(201)["id"].as_str().unwrap().to_owned()
        };
        let delivered = order("zqxwvkey-order-1", ("address", address("inline")), "sim_approve").await;
        let on_its_way = order("zqxwvkey-order-2", ("addressId", second.clone()), "sim_approve").await;
        let cancelled = order("zqxwvkey-order-3", ("addressId", second.clone()), "sim_approve").await;
        order("zqxwvkey-order-4", ("address", address("unpaid")), "sim_decline").await;
        for id in [&delivered, &on_its_way, &cancelled] {
            staff.until(id, OrderState::Paid).await;
        }
        staff.ship(&delivered).await.unwrap();
        staff.deliver(&delivered).await.unwrap();
        staff.ship(&on_its_way).await.unwrap();
        let reason = json!({"reason": "Zqxwvreason: I moved to Zqxwvnewtown"});
        keyed(&http, "zqxwvkey-cancel")
            .post(&format!("/v1/orders/{cancelled}:cancel"), reason)
            .await
            .expect(200);
        let line = json!({"articleId": article.id, "quantity": 2});
        let basket = keyed(&http, "zqxwvkey-add").post("/v1/orders/open/lines", line).await;
        let basket = basket.expect(200)["id"].as_str().unwrap().to_owned();

        let texts = |value: &Value| {
            value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut words: Vec<String> = [MARK, ADDRESS, "912 345 987"].map(str::to_owned).into();
        words.push(secret.rsplit('_').next().unwrap().to_owned());
        words.push(factor["secret"].as_str().unwrap().to_owned());
        words.push(tokens["refreshToken"].as_str().unwrap().to_owned());
        words.extend(texts(&codes["recoveryCodes"]));
        Self { id, http, words, delivered, on_its_way, basket, cancelled }
    }
}
