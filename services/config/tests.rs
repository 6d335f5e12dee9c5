//! Tests of the configuration file.

use clap::ArgAction;

use super::*;

fn command() -> Command {
    let text = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Set);
    Command::new("feira").subcommand(
        Command::new("serve")
            .arg(text("data-dir").default_value("./data").value_parser(clap::value_parser!(PathBuf)))
            .arg(
                text("connections")
                    .default_value("16")
                    .value_parser(clap::value_parser!(u32))
                    .env("FEIRA_TEST_CONNECTIONS"),
            )
            .arg(text("mesh-secret"))
            .arg(text("stripe-secret-key"))
            .arg(text("user-database-url"))
            .arg(Arg::new("role").long("role").action(ArgAction::Append)),
    )
}

fn file(text: &str) -> Result<File, Error> {
    let path = tempfile::NamedTempFile::new().unwrap();
    fs::write(&path, text).unwrap();
    File::read(path.path())
}

fn printed(text: &str, arguments: &[&str]) -> String {
    let file = file(text).unwrap();
    let mut command = file.apply(command(), "serve").unwrap();
    let matches = command.try_get_matches_from_mut(["feira", "serve"].iter().chain(arguments)).unwrap();
    let serve = command.find_subcommand("serve").unwrap().clone();
    print(&serve, matches.subcommand_matches("serve").unwrap(), Some(&file))
}

fn refused(text: &str) -> String {
    file(text).and_then(|file| file.apply(command(), "serve")).unwrap_err().to_string()
}

#[test]
fn a_flag_counts_before_the_file_and_the_file_before_the_default() {
    let text = printed("connections = 5\nrole = [\"user\", \"order\"]\n", &["--connections", "7"]);
    assert!(text.contains("connections = \"7\"") && text.contains("# flag --connections"), "{text}");
    assert!(text.contains("role = [\"user\", \"order\"]") && text.contains("# file "), "{text}");
    assert!(text.contains("data-dir = \"./data\"") && text.contains("# default"), "{text}");
    let text = printed("connections = 5", &[]);
    assert!(text.contains("connections = \"5\""), "{text}");
}

#[test]
fn secrets_are_masked() {
    let text = printed(
        "mesh-secret = \"hunter22\"\nstripe-secret-key = \"hunter22\"\nuser-database-url = \"postgres://u:hunter22@db/user?sslpassword=hunter22\"\n",
        &[],
    );
    assert!(!text.contains("hunter22") && text.contains("postgres://u:********@db/user"), "{text}");
    let url = |url: &str| super::print::masked("order-database-url", std::ffi::OsStr::new(url));
    for secret in [
        "postgres://hunter22@db/order",
        "postgres://db/order?password=hunter22",
        "postgres://u:x@db/order?sslmode=require&access_token=hunter22",
        "mysql://u@db/order?whatever=hunter22",
    ] {
        let shown = url(secret);
        assert!(!shown.contains("hunter22") && shown.contains("db/order"), "{shown}");
    }
    for open in ["postgres://db/order", "postgres://db/order?sslmode=require", "sqlite:./data/order.db"] {
        assert_eq!(url(open), open);
    }
    let anywhere = super::print::masked("collector", std::ffi::OsStr::new("https://u:hunter22@host/x"));
    assert!(!anywhere.contains("hunter22"), "{anywhere}");
    let replicas = "http://a:7002,http://b:7002";
    assert_eq!(super::print::masked("article-url", std::ffi::OsStr::new(replicas)), replicas);
}

#[test]
fn the_help_shows_no_secret_of_the_file() {
    let file = file(
        "mesh-secret = \"hunter22\"\nuser-database-url = \"postgres://u:hunter22@db/user\"\ndata-dir = \"/data\"\n",
    );
    let mut command = file.unwrap().apply(command(), "serve").unwrap();
    let help = command.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
    assert!(!help.contains("hunter22") && help.contains("/data"), "{help}");
}

#[test]
fn what_was_printed_can_be_read_again() {
    let once = printed("connections = 5\nrole = [\"user\"]\n", &["--data-dir", "a \"quoted\" place"]);
    let again = printed(&once, &[]);
    assert!(again.contains("a \\\"quoted\\\" place") || again.contains("'a \"quoted\" place'"), "{again}");
}

#[test]
fn unknown_keys_wrong_types_and_broken_files_are_refused() {
    assert!(refused("data_dir = \"x\"").contains("did you mean \"data-dir\"?"));
    assert!(refused("colour = \"red\"").contains("there is no setting \"colour\""));
    assert!(refused("config = \"x\"").contains("there is no setting"));
    assert!(refused("data-dir = 5").contains("data-dir: must be a string, not a value of type integer"));
    assert!(refused("connections = [1, 2]").contains("takes one value, not a list"));
    assert!(refused("[connections]\nx = 1").contains("cannot be a value of type table"));
    assert!(refused("role = \"user\"\nrole =").contains("line 2"));
}
