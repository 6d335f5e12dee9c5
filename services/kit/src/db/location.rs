//! Where a database is, as it may be shown.

/// A URL without what must not be shown: user, password, parameters.
pub fn location(url: &str) -> String {
    let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
    let rest = rest.split('?').next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}"),
        None => format!("{scheme}:{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_shows_no_user_password_or_parameter() {
        assert_eq!(
            location("postgres://u:p%40ss@db:5432/user?sslmode=require&password=x"),
            "postgres://db:5432/user"
        );
        assert_eq!(location("sqlite:/data/user.db?mode=rwc"), "sqlite:/data/user.db");
        assert_eq!(location("sqlite:///data/user.db"), "sqlite:///data/user.db");
    }
}
