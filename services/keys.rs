//! `feira keys`: the keys that sign access tokens, and the key file that wraps them. In the database while the shop is
//! stopped, else by asking the user service, which knows the operator by the mesh secret.

use std::fmt::Write;

use contracts::user::{SigningKey, SigningKeys};

use crate::{
    admin::reach::{Desk, Reach},
    banner, data,
    error::Error,
    operator::json,
    settings::KeyFileSetting,
};

/// How often everything is looked at, at the most: processes that do not know a new key file yet may go on wrapping by the
/// older key.
const ROUNDS: usize = 5;

/// Looks after signing keys and the key file.
#[derive(clap::Args, Debug)]
pub struct Keys {
    #[command(flatten)]
    reach: Reach,

    #[command(flatten)]
    key_file: KeyFileSetting,

    #[command(flatten)]
    schedule: user::SigningKeySchedule,

    #[command(subcommand)]
    task: Task,
}

/// What can be done.
#[derive(clap::Subcommand, Debug)]
enum Task {
    /// Make another key that signs access tokens, and retire those before when no token counts any more that they have
    /// signed
    ///
    /// It is published at once and signs after --signing-key-lead, so that everybody who verifies tokens has learnt it.
    Rotate {
        /// A key that somebody else may have, or `all`: it is gone at once, and with it all access tokens that it has
        /// signed; their holders refresh. The new key signs at once then
        #[arg(long, value_name = "KID|all")]
        withdraw: Option<String>,
        /// Show the keys as JSON
        #[arg(long)]
        json: bool,
    },
    /// Wrap everything that is wrapped in the user database by the first key of the key file
    ///
    /// Can be repeated, and broken off. When it says that nothing was left to do, in every replica's file the lines
    /// after the first may go. Exit code 1 where something is wrapped by no key of the file.
    Rewrap,
    /// List the keys that sign and verify access tokens
    List {
        /// Show them as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does what is asked for.
pub async fn keys(keys: Keys) -> Result<(), Error> {
    let Keys { reach, key_file, schedule, task } = keys;
    // Read only where no process is asked: those have theirs.
    let file = || data::key_file_of(&key_file, reach.folder());
    match task {
        Task::Rotate { withdraw, json } => {
            let desk = reach.open(false).await?;
            let withdraw = withdraw.unwrap_or_default();
            let now = desk.rotate_signing_keys(file, &schedule, &withdraw).await?;
            banner::note("Another signing key was made and published.\n");
            show(&now, json)
        }
        Task::List { json } => show(&reach.open(false).await?.signing_keys().await?, json),
        Task::Rewrap => rewrap(&reach.open(false).await?, file).await,
    }
}

async fn rewrap(desk: &Desk, file: impl Fn() -> Result<user::KeyFile, Error>) -> Result<(), Error> {
    let mut changed_in_all = 0;
    for _ in 0..ROUNDS {
        let (mut changed, mut current, mut lost, mut after) = (0, 0, 0, String::new());
        loop {
            let done = desk.rewrap(&file, after).await?;
            (changed, current, lost) = (changed + done.changed, current + done.current, lost + done.lost);
            after = done.next;
            if after.is_empty() {
                break;
            }
        }
        changed_in_all += changed;
        if lost > 0 {
            return Err(Error::other(format!(
                "{changed_in_all} rewrapped, but {lost} are wrapped by no key of the key file: \
                 give it the key that is missing as another line"
            )));
        }
        if changed == 0 {
            banner::print(&format!(
                "{changed_in_all} rewrapped; all {current} are wrapped by the first key\n"
            ))?;
            return Ok(());
        }
    }
    Err(Error::other(format!(
        "{changed_in_all} rewrapped, and there are always more: a process still wraps by an older key. \
         Give every replica the same key file, then repeat this"
    )))
}

fn show(keys: &SigningKeys, as_json: bool) -> Result<(), Error> {
    banner::print(&if as_json { json(keys)? } else { table(&keys.signing_keys) })
}

/// A line for each.
fn table(keys: &[SigningKey]) -> String {
    let mut text = format!("{:43}  {:8}  {:20}  UNTIL\n", "KEY", "STATE", "SIGNS FROM");
    let time = |seconds: Option<i64>| {
        let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
        let time = seconds.map(|seconds| std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds));
        time.map(|time| humantime::format_rfc3339_seconds(time).to_string())
    };
    // The newest first: those before the one that signs wait for their time, those after it only verify.
    let mut waits = true;
    for key in keys {
        let state = match (key.signing, waits) {
            (true, _) => "signs",
            (false, true) => "waits",
            (false, false) => "verifies",
        };
        waits &= !key.signing;
        let from = time(key.sign_time.map(|time| time.seconds)).unwrap_or_default();
        let until = time(key.retire_time.map(|time| time.seconds)).unwrap_or_else(|| "-".to_owned());
        let _ = writeln!(text, "{:43}  {state:8}  {from:20}  {until}", key.kid);
    }
    text
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;

    use super::*;

    #[test]
    fn each_key_has_a_line_and_a_state() {
        let at = |seconds| Some(Timestamp { seconds, nanos: 0 });
        let key = |kid: &str, sign, retire, signing| SigningKey {
            kid: kid.to_owned(),
            create_time: at(0),
            sign_time: at(sign),
            retire_time: retire,
            signing,
        };
        let keys =
            [key("c", 86_400, None, false), key("b", 60, at(90_000), true), key("a", 0, at(1_380), false)];
        let text = table(&keys);
        let words = |line: usize| text.lines().nth(line).unwrap().split_whitespace().collect::<Vec<_>>();
        assert_eq!(words(1), ["c", "waits", "1970-01-02T00:00:00Z", "-"]);
        assert_eq!(words(2)[..2], ["b", "signs"]);
        assert_eq!(words(3), ["a", "verifies", "1970-01-01T00:00:00Z", "1970-01-01T00:23:00Z"]);
    }
}
