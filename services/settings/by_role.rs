//! Settings that every service has one of: the table of roles says which there are.

use std::{collections::HashMap, marker::PhantomData};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use kit::Role;

/// A setting of each service.
pub trait PerRole: Send + Sync + 'static {
    /// What follows the role's name in its flag: `url` of `--user-url`.
    const SUFFIX: &'static str;
    /// What the help calls the value.
    const VALUE: &'static str;

    /// What the help says.
    fn help(role: Role) -> String;

    /// Checks a value.
    fn check(text: &str) -> Result<String, String>;
}

/// The values that were given, by role.
#[derive(Debug, Clone)]
pub struct ByRole<S> {
    values: HashMap<Role, String>,
    setting: PhantomData<fn() -> S>,
}

impl<S: PerRole> ByRole<S> {
    /// All of them.
    pub fn all(&self) -> &HashMap<Role, String> {
        &self.values
    }

    /// That of a role.
    pub fn of(&self, role: Role) -> Option<&str> {
        self.values.get(&role).map(String::as_str)
    }

    /// The flag of a role, without its dashes.
    pub fn flag(role: Role) -> String {
        format!("{role}-{}", S::SUFFIX)
    }
}

impl<S> Default for ByRole<S> {
    fn default() -> Self {
        Self { values: HashMap::new(), setting: PhantomData }
    }
}

impl<S: PerRole> Args for ByRole<S> {
    fn augment_args(command: Command) -> Command {
        Role::SERVICES.into_iter().fold(command, |command, role| {
            let flag = Self::flag(role);
            let variable = format!("FEIRA_{}", flag.to_uppercase().replace('-', "_"));
            let argument = Arg::new(flag.clone()).long(flag).env(variable).value_name(S::VALUE);
            command.arg(argument.help(S::help(role)).value_parser(S::check))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: PerRole> FromArgMatches for ByRole<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let value = |role| Some((role, matches.get_one::<String>(&Self::flag(role))?.clone()));
        Ok(Self { values: Role::SERVICES.into_iter().filter_map(value).collect(), setting: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
