//! Tests of the command line.

use super::*;

fn parsed(arguments: &[&str]) -> Result<Parsed, Error> {
    parse(std::iter::once("feira").chain(arguments.iter().copied()).map(OsString::from).collect())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn without_a_command_it_serves() {
    for arguments in [&[][..], &["--grpc-listen", "localhost:0"], &["serve"]] {
        assert!(matches!(parsed(arguments), Ok(Parsed::Command(Command::Serve(_)))), "{arguments:?}");
    }
    for arguments in
        [&["--help"][..], &["-V"], &["help", "serve"], &["migrate", "--help"], &["--print-config"]]
    {
        assert!(matches!(parsed(arguments), Ok(Parsed::Shown(_))), "{arguments:?}");
    }
}

#[test]
fn a_mistyped_variable_is_refused_and_those_of_kubernetes_are_not() {
    let problem = |name: &str| mistyped(std::iter::once(name.to_owned()), &Cli::command());
    assert!(
        problem("FEIRA_REST_LISEN")
            .is_some_and(|problem| problem.ends_with("did you mean FEIRA_REST_LISTEN?"))
    );
    for name in [
        "FEIRA_USER_PORT",
        "FEIRA_USER_SERVICE_HOST",
        "FEIRA_ORDER_PORT_50051_TCP",
        "FEIRA_LOG",
        "REST_LISTEN",
    ] {
        assert_eq!(problem(name), None, "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    for (arguments, said) in [
        (&["--rest-lisen", "x"][..], "--rest-listen"),
        (&["serv"], "serve"),
        (&["--rest-listen", "8080"], "must be a host and a port"),
        (&["--role", "shop"], "possible values: user"),
        (&["--drain-timeout", "25x"], "--drain-timeout"),
        (&["--role", "order"], "--user-url, --article-url, --payment-url"),
        (&["--role", "user"], "FEIRA_MESH_SECRET"),
        (&["--database-url", "sqlite:x.db"], "single service"),
        (&["--database-url", "sqlite:x.db", "--database-url-file", "x"], "contradict"),
        (&["--mesh-secret", "0123456789abcdef", "--mesh-secret-file", "x"], "contradict"),
        (&["migrate", "now"], "unexpected argument 'now'"),
        (&["verify", "--url", "nonsense"], "--url"),
        (&["status", "--url", "ftp://mesh:50051"], "must begin with http://"),
    ] {
        let problem = parsed(arguments).unwrap_err();
        assert!(matches!(problem, Error::Usage(_)));
        let problem = problem.to_string();
        assert!(problem.contains(said) && !problem.contains('\n'), "{arguments:?}: {problem}");
    }
}
