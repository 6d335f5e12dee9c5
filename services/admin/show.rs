//! Administrators as people read them.

use std::fmt::Write;

use contracts::user::{Role, User};

/// A line for each.
pub fn table(users: &[User]) -> String {
    let head = ["USERNAME", "EMAIL", "ROLES", "STATE", "CREATED"].map(str::to_owned);
    let mut rows = vec![head];
    rows.extend(users.iter().map(row));
    let widths: [usize; 5] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    rows.iter().fold(String::new(), |mut text, row| {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        text
    })
}

fn row(user: &User) -> [String; 5] {
    let roles = user.roles().map(|role| match role {
        Role::Customer => "customer",
        Role::Staff => "staff",
        Role::Admin => "admin",
        Role::Unspecified => "?",
    });
    let made = user.create_time.and_then(|time| u64::try_from(time.seconds).ok()).unwrap_or_default();
    let made = std::time::UNIX_EPOCH + std::time::Duration::from_secs(made);
    [
        user.username.clone(),
        user.email.clone(),
        roles.collect::<Vec<_>>().join(", "),
        if user.disabled { "disabled" } else { "enabled" }.to_owned(),
        humantime::format_rfc3339_seconds(made).to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_a_line() {
        let user = User {
            username: "admin".into(),
            email: "admin@localhost.invalid".into(),
            roles: vec![Role::Staff as i32, Role::Admin as i32],
            create_time: Some(prost_types::Timestamp { seconds: 86_400, nanos: 0 }),
            ..Default::default()
        };
        let text = table(&[user]);
        assert_eq!(
            text.lines().nth(1),
            Some("admin     admin@localhost.invalid  staff, admin  enabled  1970-01-02T00:00:00Z")
        );
    }
}
