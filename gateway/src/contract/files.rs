//! The files of a contract, as bytes, so that the options in them stay what they are: gathered one by one, then put in
//! an order in which each comes after what it imports.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{Hash, Hasher},
};

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::DescriptorPool;

use super::{ContractError, edition};

/// What a contract may have.
pub const MOST_FILES: usize = 5_000;
pub const MOST_BYTES: usize = 32 << 20;
const MOST_IMPORTS: usize = 200_000;
/// What a file can be written in; without a word it is proto2.
const SYNTAXES: [&str; 3] = ["", "proto2", "proto3"];

/// A `FileDescriptorSet` whose files are not read yet.
#[derive(Clone, PartialEq, prost::Message)]
struct Set {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    file: Vec<Bytes>,
}

/// What of a `FileDescriptorProto` says where it belongs, and what it is written in.
#[derive(Clone, PartialEq, prost::Message)]
struct Head {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "3")]
    dependency: Vec<String>,
    #[prost(string, tag = "12")]
    syntax: String,
    /// What is imported for its options alone (since edition 2024).
    #[prost(string, repeated, tag = "15")]
    option_dependency: Vec<String>,
}

type Imports<'f> = std::iter::Chain<std::slice::Iter<'f, String>, std::slice::Iter<'f, String>>;

/// Files by their names.
#[derive(Debug, Default)]
pub struct Files {
    all: BTreeMap<String, File>,
    /// What is imported and not there, each with one that imports it.
    missing: BTreeMap<String, String>,
    bytes: usize,
    imports: usize,
}

#[derive(Debug, Hash)]
struct File {
    bytes: Bytes,
    imports: Vec<String>,
    /// Files that it does without where they are not there.
    may_import: Vec<String>,
}

impl Hash for Files {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.all.hash(hasher);
    }
}

impl Files {
    /// Those of a `FileDescriptorSet`, and those that everybody has and it lacks.
    pub fn of_set(set: &[u8]) -> Result<Self, ContractError> {
        let set = Set::decode(set)
            .map_err(|error| ContractError::Invalid(format!("it is no FileDescriptorSet: {error}")))?;
        let mut files = Self::default();
        for file in set.file {
            files.add(file)?;
        }
        while let Some((missing, by)) = files.missing() {
            files.add(well_known(&missing).ok_or(ContractError::Missing { file: missing, by })?)?;
        }
        Ok(files)
    }

    /// Adds a file. One of a name that is there already is the same file, told twice.
    pub fn add(&mut self, bytes: Bytes) -> Result<(), ContractError> {
        let Head { name, dependency, syntax, option_dependency } = Head::decode(bytes.clone())
            .map_err(|error| ContractError::Invalid(format!("a file in it is none: {error}")))?;
        if self.all.contains_key(&name) {
            return Ok(());
        }
        let bytes = match syntax.as_str() {
            edition::SYNTAX => edition::plain(&bytes)?,
            known if SYNTAXES.contains(&known) => bytes,
            _ => {
                let problem = format!(
                    "{name} is written in `{syntax}`: only proto2, proto3 and editions are known here"
                );
                return Err(ContractError::Invalid(problem));
            }
        };
        // Those that say what options mean are needed for that, and servers need not have them.
        let may_import: Vec<_> =
            option_dependency.into_iter().filter(|name| well_known(name).is_some()).collect();
        self.imports += dependency.len() + may_import.len();
        if self.imports > MOST_IMPORTS {
            return Err(ContractError::TooLarge { most: MOST_IMPORTS, what: "imports" });
        }
        self.bytes += bytes.len();
        if self.bytes > MOST_BYTES {
            return Err(ContractError::TooLarge { most: MOST_BYTES, what: "bytes" });
        }
        if self.all.len() == MOST_FILES {
            return Err(ContractError::TooLarge { most: MOST_FILES, what: "files" });
        }
        self.missing.remove(&name);
        let imports = dependency.iter().chain(&may_import);
        for import in imports.filter(|import| **import != name && !self.all.contains_key(*import)) {
            self.missing.entry(import.clone()).or_insert_with(|| name.clone());
        }
        self.all.insert(name, File { bytes, imports: dependency, may_import });
        Ok(())
    }

    /// A file that is imported and not there, and by which one.
    pub fn missing(&self) -> Option<(String, String)> {
        self.missing.first_key_value().map(|(missing, by)| (missing.clone(), by.clone()))
    }

    /// What they say together.
    pub fn pool(&self) -> Result<DescriptorPool, ContractError> {
        let file = self.in_order()?;
        let mut pool = DescriptorPool::new();
        pool.decode_file_descriptor_set(Set { file }.encode_to_vec().as_slice())
            .map_err(|error| ContractError::Invalid(error.to_string()))?;
        Ok(pool)
    }

    /// Each after those that it imports.
    fn in_order(&self) -> Result<Vec<Bytes>, ContractError> {
        let (mut ordered, mut done) = (Vec::with_capacity(self.all.len()), BTreeSet::new());
        // The way from a file to the one that is looked at, each with its imports that are still to be looked at. Not by
        // recursion: how long a chain of imports is, is somebody else's choice.
        let mut way: Vec<(&str, Imports<'_>)> = Vec::new();
        for first in self.all.keys() {
            let mut next = Some(first.as_str());
            while let Some(name) = next.take() {
                if let Some(file) = self.all.get(name).filter(|_| !done.contains(name)) {
                    if let Some(start) = way.iter().position(|(open, _)| *open == name) {
                        let circle = way[start..].iter().map(|(name, _)| *name).chain([name]);
                        return Err(ContractError::Circle(circle.collect::<Vec<_>>().join(" → ")));
                    }
                    way.push((name, file.imports.iter().chain(&file.may_import)));
                }
                while let Some((name, imports)) = way.last_mut() {
                    next = imports.next().map(String::as_str);
                    if next.is_some() {
                        break;
                    }
                    done.insert(*name);
                    ordered.extend(self.all.get(*name).map(|file| file.bytes.clone()));
                    way.pop();
                }
            }
        }
        Ok(ordered)
    }
}

/// A file that every compiler brings, or that says what options mean: some servers leave these out.
pub fn well_known(name: &str) -> Option<Bytes> {
    if !name.starts_with("google/") {
        return None;
    }
    let global = DescriptorPool::global();
    let file = global.get_file_by_name(name).or_else(|| contracts::pool().get_file_by_name(name))?;
    Some(file.encode_to_vec().into())
}
