//! Whom the shop calls outside: the mail server, payment providers.

use std::time::Duration;

use kit::Role;

use super::{Patient, report::Report};

/// How long each may take.
const ANSWER: Duration = Duration::from_secs(15);

pub async fn check(patient: &Patient<'_>, report: &mut Report) {
    if patient.has(Role::User) || patient.has(Role::Order) {
        mail(patient, report).await;
    }
    if patient.has(Role::Payment) {
        providers(patient, report).await;
    }
}

async fn mail(patient: &Patient<'_>, report: &mut Report) {
    let (name, mail) = ("mail", &patient.settings.order.mail);
    let Some(url) = &mail.smtp_url else {
        let advice =
            "set --smtp-url and --mail-from: people get confirmations and can reset their passwords then";
        return report.warning(name, "no mail server: mails are only logged", advice);
    };
    // What is wrong with the setting is said among the settings.
    let Ok(notifier) = mail.notifier() else { return };
    let location = kit::db::location(url);
    match tokio::time::timeout(ANSWER, notifier.reach()).await {
        Ok(Ok(())) => report.ok(name, format!("{location} lets us in")),
        Ok(Err(problem)) => {
            report.problem(
                name,
                format!("{location}: {problem}"),
                "see --smtp-url, --smtp-user and the password",
            );
        }
        Err(_) => report.problem(
            name,
            format!("{location}: no answer in {ANSWER:?}"),
            "see --smtp-url, and what is in between",
        ),
    }
}

async fn providers(patient: &Patient<'_>, report: &mut Report) {
    let mut names: Vec<&str> = patient.payment_types.iter().map(|(_, kind)| kind.provider.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for provider in names {
        let name = format!("payments.{provider}");
        let asked = payment::reach(&patient.settings.payment, provider);
        match tokio::time::timeout(ANSWER, asked).await {
            Ok(Ok(said)) if provider == payment::SIMULATED_TYPE => {
                let advice = "name a provider that takes money by --payment-type before the shop is open";
                report.warning(name, said, advice);
            }
            Ok(Ok(said)) => report.ok(name, said),
            Ok(Err(problem)) => report.problem(name, problem, "see its keys and its URL"),
            Err(_) => report.problem(
                name,
                format!("no answer in {ANSWER:?}"),
                "see its URL, and what is in between",
            ),
        }
    }
}
