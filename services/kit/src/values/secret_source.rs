//! Where a secret comes from: a setting's text, or a file that another setting names.

use std::{
    ffi::OsStr,
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
};

use clap::{
    Arg, ArgMatches, Args, Command, FromArgMatches, error::ErrorKind, parser::ValueSource, value_parser,
};

use super::secret::Secret;
use crate::StartError;

/// A setting that is a secret, and the one that names a file with it. [`secret_setting!`](crate::secret_setting) makes
/// them.
pub trait SecretSetting: Send + Sync + 'static {
    /// The flag, without its dashes, and that of the file.
    const FLAG: &'static str;
    const FILE_FLAG: &'static str;
    /// The variable, and that of the file.
    const VARIABLE: &'static str;
    const FILE_VARIABLE: &'static str;
    /// What the help calls the value.
    const VALUE: &'static str;
    /// What the help says.
    const HELP: &'static str;
    const FILE_HELP: &'static str;
}

/// Declares a setting that is a secret: `Name: "flag", "VARIABLE", "VALUE", "help", "help of the file";`.
#[macro_export]
macro_rules! secret_setting {
    ($($(#[$attribute:meta])* $visible:vis $name:ident: $flag:literal, $variable:literal, $value:literal, $help:literal, $file_help:literal;)+) => {$(
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy)]
        $visible enum $name {}

        impl $crate::SecretSetting for $name {
            const FLAG: &'static str = $flag;
            const FILE_FLAG: &'static str = concat!($flag, "-file");
            const VARIABLE: &'static str = $variable;
            const FILE_VARIABLE: &'static str = concat!($variable, "_FILE");
            const VALUE: &'static str = $value;
            const HELP: &'static str = $help;
            const FILE_HELP: &'static str = $file_help;
        }
    )+};
}

/// What was given for a secret: its text, a file, or nothing. The text and the file of one origin contradict each other;
/// else a flag counts before the environment, and that before the configuration file.
pub struct SecretSource<S> {
    given: Option<Given>,
    setting: PhantomData<fn() -> S>,
}

#[derive(Debug, Clone)]
enum Given {
    Text(Secret),
    File(PathBuf),
}

impl<S: SecretSetting> SecretSource<S> {
    /// It is this.
    pub fn text(secret: Secret) -> Self {
        Self { given: Some(Given::Text(secret)), setting: PhantomData }
    }

    /// It is the first line of this file.
    pub fn file(path: PathBuf) -> Self {
        Self { given: Some(Given::File(path)), setting: PhantomData }
    }

    /// The file that holds it, where it is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.given {
            Some(Given::File(path)) => Some(path),
            _ => None,
        }
    }

    /// Whether anything was given.
    pub fn is_given(&self) -> bool {
        self.given.is_some()
    }

    /// The flag that gives it.
    pub fn flag(&self) -> Option<&'static str> {
        Some(match self.given.as_ref()? {
            Given::Text(_) => S::FLAG,
            Given::File(_) => S::FILE_FLAG,
        })
    }

    /// The secret, and the variable of the setting that gives it.
    pub fn read(&self) -> Result<Option<(&'static str, Secret)>, StartError> {
        Ok(match &self.given {
            Some(Given::Text(secret)) => Some((S::VARIABLE, secret.clone())),
            Some(Given::File(path)) => Some((S::FILE_VARIABLE, Secret::read(S::FILE_VARIABLE, path)?)),
            None => None,
        })
    }
}

impl<S> Default for SecretSource<S> {
    fn default() -> Self {
        Self { given: None, setting: PhantomData }
    }
}

impl<S> Clone for SecretSource<S> {
    fn clone(&self) -> Self {
        Self { given: self.given.clone(), setting: PhantomData }
    }
}

impl<S> fmt::Debug for SecretSource<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.given.fmt(out)
    }
}

impl<S: SecretSetting> Args for SecretSource<S> {
    fn augment_args(command: Command) -> Command {
        let text = Arg::new(S::FLAG).long(S::FLAG).env(OsStr::new(S::VARIABLE)).value_name(S::VALUE);
        let file =
            Arg::new(S::FILE_FLAG).long(S::FILE_FLAG).env(OsStr::new(S::FILE_VARIABLE)).value_name("FILE");
        command
            .arg(text.help(S::HELP).hide_env_values(true).value_parser(value_parser!(Secret)))
            .arg(file.help(S::FILE_HELP).value_parser(value_parser!(PathBuf)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: SecretSetting> FromArgMatches for SecretSource<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let weight = |id: &str| match matches.value_source(id) {
            Some(ValueSource::CommandLine) => 3,
            Some(ValueSource::EnvVariable) => 2,
            Some(_) => 1,
            None => 0,
        };
        let (text, file) = (weight(S::FLAG), weight(S::FILE_FLAG));
        if text == file && text > 0 {
            let problem = format!("--{} and --{} contradict each other: give one\n", S::FLAG, S::FILE_FLAG);
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, problem));
        }
        let given = if text > file {
            matches.get_one::<Secret>(S::FLAG).cloned().map(Given::Text)
        } else {
            matches.get_one::<PathBuf>(S::FILE_FLAG).cloned().map(Given::File)
        };
        Ok(Self { given, setting: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    secret_setting! {
        Word: "word", "FEIRA_TEST_WORD", "WORD", "a word", "a file with it";
    }

    fn parse(arguments: &[&str]) -> Result<SecretSource<Word>, clap::Error> {
        let command = SecretSource::<Word>::augment_args(Command::new("x"));
        SecretSource::from_arg_matches(&command.try_get_matches_from([&["x"], arguments].concat())?)
    }

    #[test]
    fn a_secret_is_a_text_or_the_first_line_of_a_file() {
        assert!(!parse(&[]).unwrap().is_given());
        let (setting, secret) = parse(&["--word", "hunter22"]).unwrap().read().unwrap().unwrap();
        assert_eq!((setting, secret.expose()), ("FEIRA_TEST_WORD", "hunter22"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "hunter23\nmine\n").unwrap();
        let source = parse(&["--word-file", file.path().to_str().unwrap()]).unwrap();
        let (setting, secret) = source.read().unwrap().unwrap();
        assert_eq!(
            (setting, secret.expose(), source.flag()),
            ("FEIRA_TEST_WORD_FILE", "hunter23", Some("word-file"))
        );
        assert!(parse(&["--word-file", "/nowhere/x"]).unwrap().read().is_err());
        assert!(!format!("{:?}", parse(&["--word", "hunter22"]).unwrap()).contains("hunter22"));
    }

    #[test]
    fn both_of_one_origin_contradict_each_other() {
        let problem = parse(&["--word", "x", "--word-file", "y"]).unwrap_err().to_string();
        assert!(problem.contains("contradict"), "{problem}");
    }

    #[test]
    fn what_weighs_more_counts() {
        let command = SecretSource::<Word>::augment_args(Command::new("x"));
        let command = command.mut_arg("word", |argument| argument.default_value("of the file"));
        let matches = command.try_get_matches_from(["x", "--word-file", "y"]).unwrap();
        assert_eq!(SecretSource::<Word>::from_arg_matches(&matches).unwrap().flag(), Some("word-file"));
    }
}
