//! Where roles are found that run in other processes.

use kit::Role;
use url::Url;

use super::by_role::{ByRole, PerRole};

/// Where a role is reached.
#[derive(Debug, Clone, Copy)]
pub enum RoleUrl {}

/// Where roles are found that run in other processes.
pub type Urls = ByRole<RoleUrl>;

impl PerRole for RoleUrl {
    const SUFFIX: &'static str = "url";
    const VALUE: &'static str = "URL";

    fn help(role: Role) -> String {
        let more = match role {
            Role::User => {
                ", as http://HOST:PORT, or https:// with --mesh-cert; several, with commas in between, are replicas"
            }
            Role::Mesh => "; the gateway can do without",
            Role::Article | Role::Order | Role::Payment | Role::Gateway | Role::Operator => "",
        };
        format!("Where the {role} service is reached by gRPC{more}")
    }

    fn check(text: &str) -> Result<String, String> {
        role_urls(text)
    }
}

/// URLs under which the replicas of a role are found: one, or several with commas in between.
fn role_urls(text: &str) -> Result<String, String> {
    let urls: Result<Vec<String>, String> = text.split(',').map(|url| role_url(url.trim())).collect();
    urls.map(|urls| urls.join(","))
}

/// A URL under which a role is found.
pub fn role_url(text: &str) -> Result<String, String> {
    match Url::parse(text) {
        Ok(url) if !["http", "https"].contains(&url.scheme()) => {
            Err("must begin with http:// or https://".to_owned())
        }
        Ok(url) if url.path() != "/" || url.query().is_some() || !url.username().is_empty() => {
            Err("must be a scheme, a host and a port only, such as http://order:50051".to_owned())
        }
        Ok(_) => Ok(text.to_owned()),
        Err(problem) => Err(problem.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_roles_are_checked() {
        assert!(role_url("http://order:50051").is_ok() && role_url("https://order").is_ok());
        assert_eq!(role_urls("http://a:1, http://b:2"), Ok("http://a:1,http://b:2".to_owned()));
        assert!(role_urls("http://a:1,").is_err());
        for wrong in ["order:50051", "ftp://order", "http://", "http://order/path", "http://u@order"] {
            assert!(role_url(wrong).is_err(), "{wrong}");
        }
    }
}
