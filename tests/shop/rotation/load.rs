//! Callers who go on while secrets are replaced: each of their calls is valid, and what is refused is written down.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use contracts::user::{
    ConfirmTotpRequest, GetUserRequest, RefreshRequest, RemoveTotpRequest, SignInRequest, StartTotpRequest,
};
use tokio::task::JoinHandle;
use totp_rs::Totp;

use crate::support::{
    Client, Mesh, Outcome,
    shop::{PASSWORD, unique},
};

/// Callers at work.
#[derive(Default)]
pub struct Load {
    tally: Tally,
    callers: Vec<JoinHandle<()>>,
}

/// What their calls came to.
#[derive(Clone, Default)]
struct Tally {
    over: Arc<AtomicBool>,
    right: Arc<AtomicUsize>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Tally {
    fn goes_on(&self) -> bool {
        !self.over.load(Ordering::Relaxed)
    }

    fn note<T>(&self, what: &str, outcome: Outcome<T>) -> Option<T> {
        match outcome {
            Ok(answer) => {
                self.right.fetch_add(1, Ordering::Relaxed);
                Some(answer.body)
            }
            Err(refusal) => {
                self.refused.lock().unwrap().push(format!("{what}: {refusal:?}"));
                None
            }
        }
    }
}

impl Load {
    /// Somebody who signs in, refreshes, and calls with the newest token and with the one before, at all replicas.
    pub fn session(&mut self, mesh: &Mesh) {
        let (tally, client) = (self.tally.clone(), mesh.client());
        self.callers.push(tokio::spawn(async move {
            let Some(mut turn) = Session::begin(&client).await else { return };
            while tally.goes_on() {
                turn.take(&tally).await;
            }
        }));
    }

    /// People who set up a second factor, at one replica after the other, sign in by it, and remove it.
    pub fn second_factors(&mut self, mesh: &Mesh) {
        let (tally, client) = (self.tally.clone(), mesh.client());
        self.callers.push(tokio::spawn(async move {
            let mut number = 0;
            while tally.goes_on() {
                number += 1;
                second_factor(&tally, &client, number).await;
            }
        }));
    }

    /// A program that calls with the API key that it has at the moment.
    pub fn program(&mut self, mesh: &Mesh, secret: &Arc<Mutex<String>>) {
        let (tally, client, secret) = (self.tally.clone(), mesh.client(), secret.clone());
        self.callers.push(tokio::spawn(async move {
            let mut number = 0;
            while tally.goes_on() {
                number += 1;
                let secret = secret.lock().unwrap().clone();
                let me = client.at(number).signed_in(&secret);
                tally.note("by an API key", me.get_user(GetUserRequest { id: "me".into() }).await);
            }
        }));
    }

    /// Waits until so many more calls were answered.
    pub async fn goes_on_for(&self, calls: usize) {
        let wanted = self.tally.right.load(Ordering::Relaxed) + calls;
        crate::support::until("they go on", || async {
            let refused = self.tally.refused.lock().unwrap().first().cloned();
            assert_eq!(refused, None, "no valid call is refused");
            (self.tally.right.load(Ordering::Relaxed) >= wanted).then_some(())
        })
        .await;
    }

    /// Ends it: nothing was refused.
    pub async fn ends_well(self) {
        self.tally.over.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        let (right, refused) = (self.tally.right.load(Ordering::Relaxed), self.tally.refused.lock().unwrap());
        println!("{right} valid calls, {} refused", refused.len());
        assert!(
            refused.is_empty(),
            "of {right} valid calls {} were refused:\n{}",
            refused.len(),
            refused.join("\n")
        );
    }
}

struct Session {
    client: Client,
    login: String,
    number: usize,
    access: [String; 2],
    refresh: String,
}

impl Session {
    async fn begin(client: &Client) -> Option<Self> {
        let shopper = client.register(&format!("session-{}", unique())).await;
        let access = [shopper.tokens.access_token.clone(), shopper.tokens.access_token];
        let (login, refresh) = (shopper.user.username, shopper.tokens.refresh_token);
        Some(Self { client: client.clone(), login, number: 0, access, refresh })
    }

    async fn take(&mut self, tally: &Tally) {
        self.number += 1;
        let here = self.client.at(self.number);
        for (token, what) in self.access.iter().zip(["the token before", "the newest token"]) {
            let me = here.signed_in(token);
            tally.note(what, me.get_user(GetUserRequest { id: "me".into() }).await);
        }
        let tokens = match self.number % 8 {
            0 => {
                let (login, password) = (self.login.clone(), PASSWORD.into());
                let request = SignInRequest { login, password, ..Default::default() };
                tally.note("sign-in", here.sign_in(request).await)
            }
            2 | 5 => {
                let request = RefreshRequest { refresh_token: self.refresh.clone() };
                tally.note("refresh", here.refresh(request).await)
            }
            _ => None,
        };
        if let Some(tokens) = tokens {
            self.access.swap(0, 1);
            (self.access[1], self.refresh) = (tokens.access_token, tokens.refresh_token);
        }
    }
}

/// One second factor, from its beginning to its end. It takes a few calls, between which everything may change.
async fn second_factor(tally: &Tally, client: &Client, number: usize) {
    let user = client.at(number).register(&format!("factor-{}", unique())).await;
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let me = || "me".to_owned();
    let started = user.start_totp(StartTotpRequest { user_id: me() }).await;
    let Some(started) = tally.note("start", started) else { return };
    let totp = Totp::from_url(&started.otpauth_uri).unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    let code = totp.generate(now() - 30).to_string();
    let confirm = user.at(number + 1).confirm_totp(ConfirmTotpRequest { user_id: me(), code }).await;
    let Some(confirmed) = tally.note("confirm", confirm) else { return };
    let code = totp.generate(now()).to_string();
    let request = SignInRequest { login: user.user.username.clone(), password: PASSWORD.into(), code };
    tally.note("sign-in by a code", client.at(number).sign_in(request).await);
    let code = confirmed.recovery_codes[0].clone();
    let remove = user.at(number + 1).remove_totp(RemoveTotpRequest { user_id: me(), code }).await;
    tally.note("remove", remove);
}
