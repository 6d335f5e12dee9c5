//! Comments of the contract, found by their place in it.

use std::collections::HashMap;

use prost_reflect::{FileDescriptor, prost_types::FileDescriptorProto};

/// The comments of a file, by their places in it.
type OfFile = HashMap<Vec<i32>, String>;

/// The comments of files, each read once.
#[derive(Default)]
pub struct Comments {
    /// By name; two contracts may know different files by one.
    files: HashMap<String, Vec<(FileDescriptor, OfFile)>>,
}

impl Comments {
    /// The comment before what stands at a path of a file; empty where there is none.
    pub fn of(&mut self, file: &FileDescriptor, path: &[i32]) -> String {
        let named = self.files.entry(file.name().to_owned()).or_default();
        if !named.iter().any(|(known, _)| known == file) {
            named.push((file.clone(), read(file.file_descriptor_proto())));
        }
        let comments = named.iter().find(|(known, _)| known == file);
        comments.and_then(|(_, comments)| comments.get(path)).cloned().unwrap_or_default()
    }
}

fn read(file: &FileDescriptorProto) -> OfFile {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations
        .filter_map(|location| {
            let comment = location.leading_comments.as_deref().or(location.trailing_comments.as_deref())?;
            let lines: Vec<_> =
                comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
            Some((location.path.clone(), lines.join("\n").trim().to_owned()))
        })
        .collect()
}

/// The first sentence of a comment as far as it is a name, on one line: up to its full stop, colon or semicolon.
pub fn summary(comment: &str) -> String {
    let paragraph = comment.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let ends = [". ", ": ", "; "].iter().filter_map(|mark| paragraph.find(mark));
    let sentence = paragraph.get(..ends.min().unwrap_or(paragraph.len())).unwrap_or_default();
    sentence.trim_end_matches(['.', ':', ';']).to_owned()
}

/// Puts paragraphs below each other, those that are empty left out.
pub fn paragraphs<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_the_first_sentence() {
        assert_eq!(summary("Reads an order."), "Reads an order");
        assert_eq!(summary("Lists\norders. The newest first.\n\nMore."), "Lists orders");
        assert_eq!(summary("Changes an order: only what is given."), "Changes an order");
        assert_eq!(summary("Adds a line; the first makes the basket. More."), "Adds a line");
        assert_eq!(summary(""), "");
    }
}
