//! What can be set of Stripe.

use std::time::Duration;

use kit::{Secret, SecretSetting, SecretSource, StartError};

/// Where Stripe's API is.
const URL: &str = "https://api.stripe.com";

/// What of a return URL becomes the order's id, the payment's, and `done` or `left`.
pub const ORDER_ID: &str = "{order_id}";
pub const PAYMENT_ID: &str = "{payment_id}";
pub const OUTCOME: &str = "{outcome}";
/// The page of an order in the shop.
const ORDER_PAGE: &str = "/orders/{order_id}?payment={outcome}";

/// Where the shop's own pages are for its customers.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// As the operator says.
    pub public: Option<String>,
    /// Where this process serves them itself.
    pub own: Option<String>,
}

impl Pages {
    /// Where customers come back to from Stripe's page. What the operator says goes before what we guess.
    pub(super) fn for_page(&self, return_url: Option<String>) -> Option<String> {
        let order = |shop: &String| format!("{}{ORDER_PAGE}", shop.trim_end_matches('/'));
        let public = self.public.as_ref().map(order);
        public.or(return_url).or_else(|| self.own.as_ref().map(order))
    }
}

kit::secret_setting! {
    /// As whom Stripe is called.
    pub SecretKeySetting: "stripe-secret-key", "FEIRA_STRIPE_SECRET_KEY", "KEY",
        "Secret key of the Stripe account, for payment types whose provider is `stripe`. Command lines can be seen by others on the machine: prefer a file",
        "File whose first line is Stripe's secret key";

    /// By what Stripe signs its webhooks.
    pub WebhookSecretSetting: "stripe-webhook-secret", "FEIRA_STRIPE_WEBHOOK_SECRET", "SECRET",
        "Signing secret of the webhook endpoint at Stripe. Without it no events of Stripe's are taken, and what customers do is learned by asking",
        "File whose first line is the signing secret of the webhook endpoint at Stripe";
}

/// How to reach Stripe, and as whom.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct StripeOptions {
    #[command(flatten)]
    pub stripe_secret_key: SecretSource<SecretKeySetting>,

    #[command(flatten)]
    pub stripe_webhook_secret: SecretSource<WebhookSecretSetting>,

    /// Where Stripe sends customers back to after they acted on their bank's page, for shops with pages of their
    /// own; {order_id}, {payment_id} and {outcome} (done, left) are replaced. Without it, cards that ask for that
    /// are declined. From Stripe's own page they come back here too, unless the shop's pages have a public URL.
    #[arg(long, env = "FEIRA_STRIPE_RETURN_URL", value_name = "URL")]
    pub stripe_return_url: Option<String>,

    /// How often Stripe's record of events is read, for captures, refunds and disputes of which no webhook came; it is read
    /// at the start, too.
    #[arg(
        long,
        env = "FEIRA_STRIPE_EVENTS_INTERVAL",
        default_value = "5m",
        value_parser = kit::some_time,
        value_name = "TIME"
    )]
    pub stripe_events_interval: Duration,

    /// Where Stripe's API is.
    #[arg(long, env = "FEIRA_STRIPE_URL", default_value = URL, value_name = "URL")]
    pub stripe_url: String,
}

impl Default for StripeOptions {
    fn default() -> Self {
        Self {
            stripe_secret_key: SecretSource::default(),
            stripe_webhook_secret: SecretSource::default(),
            stripe_return_url: None,
            stripe_events_interval: Duration::from_secs(300),
            stripe_url: URL.to_owned(),
        }
    }
}

impl StripeOptions {
    /// The secret key, if there is one.
    pub fn secret_key(&self) -> Result<Option<Secret>, StartError> {
        let key = given(&self.stripe_secret_key)?;
        match key {
            Some(key) if key.expose().starts_with("pk_") => Err(wrong(
                "FEIRA_STRIPE_SECRET_KEY: this is a publishable key; the secret one begins with sk_",
            )),
            key => Ok(key),
        }
    }

    /// The return URL, if there is one.
    pub fn return_url(&self) -> Result<Option<String>, StartError> {
        let Some(url) = self.stripe_return_url.as_ref().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        crate::provider::url("--stripe-return-url: Stripe's customers", url)?;
        Ok(Some(url.clone()))
    }

    /// The webhooks' signing secret, if there is one.
    pub fn webhook_secret(&self) -> Result<Option<Secret>, StartError> {
        given(&self.stripe_webhook_secret)
    }
}

/// A secret of Stripe's, as it is given.
fn given<S: SecretSetting>(source: &SecretSource<S>) -> Result<Option<Secret>, StartError> {
    let Some((setting, secret)) = source.read()? else { return Ok(None) };
    // What could not be sent in a header, or is a mistake of pasting.
    if secret.expose().is_empty() || !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(&format!("{setting}: a secret of Stripe's is letters, digits and underscores")));
    }
    Ok(Some(secret))
}

fn wrong(problem: &str) -> StartError {
    StartError::Settings(problem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_key(key: &str) -> StripeOptions {
        StripeOptions {
            stripe_secret_key: SecretSource::text(key.parse().unwrap()),
            ..StripeOptions::default()
        }
    }

    #[test]
    fn a_key_that_cannot_be_one_is_refused_without_being_shown() {
        assert_eq!(with_key("sk_test_1").secret_key().unwrap().unwrap().expose(), "sk_test_1");
        for bad in ["pk_live_abcdef", "", "sk_test_abc def", "sk_test_abc\n", "sk_tést"] {
            let error = with_key(bad).secret_key().unwrap_err();
            assert_eq!(error.exit(), kit::Exit::Settings);
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
        }
        assert!(StripeOptions::default().secret_key().unwrap().is_none());
    }

    #[test]
    fn customers_come_back_to_where_the_operator_says() {
        let pages = |public: Option<&str>, own: Option<&str>| Pages {
            public: public.map(str::to_owned),
            own: own.map(str::to_owned),
        };
        let own = Some("http://127.0.0.1:8080");
        let order = |shop: &str| Some(format!("{shop}/orders/{{order_id}}?payment={{outcome}}"));
        let page = || Some("https://my.example/paid".to_owned());
        let public = pages(Some("https://shop.example/api/"), own);
        assert_eq!(public.for_page(page()), order("https://shop.example/api"));
        assert_eq!(pages(None, own).for_page(page()), page());
        assert_eq!(pages(None, own).for_page(None), order("http://127.0.0.1:8080"));
        assert_eq!(pages(None, None).for_page(None), None);
    }

    #[test]
    fn nothing_shows_a_secret() {
        let options = StripeOptions {
            stripe_webhook_secret: SecretSource::text("whsec_hunter22".parse().unwrap()),
            ..with_key("sk_test_hunter22")
        };
        assert!(!format!("{options:?}").contains("hunter22"));
    }

    #[test]
    fn a_file_may_hold_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("webhook");
        std::fs::write(&file, "whsec_1\n").unwrap();
        let options = StripeOptions {
            stripe_webhook_secret: SecretSource::file(file.clone()),
            ..StripeOptions::default()
        };
        assert_eq!(options.webhook_secret().unwrap().unwrap().expose(), "whsec_1");
        std::fs::remove_file(&file).unwrap();
        let error = options.webhook_secret().unwrap_err();
        assert!(error.to_string().starts_with("FEIRA_STRIPE_WEBHOOK_SECRET_FILE: "), "{error}");
    }
}
