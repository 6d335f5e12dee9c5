//! The types of several contracts: two of them may have the same type, or different ones by one name.

use std::collections::{HashMap, HashSet};

use prost::Message as _;
use prost_reflect::{DescriptorPool, EnumDescriptor, Kind, MessageDescriptor};

/// What types are called that differ from those of this name which other contracts have.
#[derive(Default)]
pub struct Types {
    pools: Vec<DescriptorPool>,
    /// By the place of their contract, and their full name.
    renamed: HashMap<(usize, String), String>,
}

impl Types {
    /// Tells the types of these contracts apart.
    pub fn of<'p>(pools: impl Iterator<Item = &'p DescriptorPool>) -> Self {
        let mut types = Self::default();
        for pool in pools {
            if !types.pools.contains(pool) {
                types.pools.push(pool.clone());
            }
        }
        let mut taken: HashSet<String> = types.pools.iter().flat_map(names).collect();
        for (index, pool) in types.pools.iter().enumerate().skip(1) {
            let mut left: HashSet<String> = names(pool).collect();
            let mut is_known = HashSet::new();
            for (earlier, other) in types.pools.iter().enumerate().take(index) {
                let differ = differing(pool, other);
                is_known.extend(left.iter().filter(|name| has(other, name)).cloned());
                for name in is_known.iter().filter(|name| has(other, name) && !differ.contains(*name)) {
                    // As it is called there.
                    if left.remove(name)
                        && let Some(renamed) = types.renamed.get(&(earlier, name.clone())).cloned()
                    {
                        types.renamed.insert((index, name.clone()), renamed);
                    }
                }
            }
            for name in left.into_iter().filter(|name| is_known.contains(name)) {
                let free = (2..).map(|number| format!("{name}_{number}")).find(|it| !taken.contains(it));
                let free = free.unwrap_or_else(|| name.clone());
                taken.insert(free.clone());
                types.renamed.insert((index, name), free);
            }
        }
        types
    }

    /// What a type is called in full, which no other type is.
    pub fn name(&self, pool: &DescriptorPool, full: &str) -> String {
        let place = self.pools.iter().position(|known| known == pool);
        let renamed = place.and_then(|place| self.renamed.get(&(place, full.to_owned())));
        renamed.cloned().unwrap_or_else(|| full.to_owned())
    }
}

fn names(pool: &DescriptorPool) -> impl Iterator<Item = String> + '_ {
    let messages = pool.all_messages().map(|message| message.full_name().to_owned());
    messages.chain(pool.all_enums().map(|values| values.full_name().to_owned()))
}

fn has(pool: &DescriptorPool, name: &str) -> bool {
    pool.get_message_by_name(name).is_some() || pool.get_enum_by_name(name).is_some()
}

/// The types of a contract that are others in another contract, or lead to such.
fn differing(pool: &DescriptorPool, other: &DescriptorPool) -> HashSet<String> {
    let mut leads: HashMap<String, Vec<String>> = HashMap::new();
    let mut queue = Vec::new();
    for values in pool.all_enums() {
        if !other.get_enum_by_name(values.full_name()).is_some_and(|other| is_enum(&values, &other)) {
            queue.push(values.full_name().to_owned());
        }
    }
    for message in pool.all_messages() {
        let name = message.full_name().to_owned();
        if !other.get_message_by_name(&name).is_some_and(|other| is_message(&message, &other)) {
            queue.push(name.clone());
        }
        for field in message.fields() {
            let inner = match field.kind() {
                Kind::Message(inner) => inner.full_name().to_owned(),
                Kind::Enum(inner) => inner.full_name().to_owned(),
                _ => continue,
            };
            leads.entry(inner).or_default().push(name.clone());
        }
    }
    let mut found = HashSet::new();
    while let Some(name) = queue.pop() {
        if !found.contains(&name) {
            queue.extend(leads.get(&name).into_iter().flatten().cloned());
            found.insert(name);
        }
    }
    found
}

fn is_message(one: &MessageDescriptor, other: &MessageDescriptor) -> bool {
    // What a contract itself has of options (rules, behaviors) is in them, and not in the descriptor.
    let options = |message: &MessageDescriptor| {
        message.fields().map(|field| field.options().encode_to_vec()).collect::<Vec<_>>()
    };
    one.descriptor_proto() == other.descriptor_proto() && options(one) == options(other)
}

fn is_enum(one: &EnumDescriptor, other: &EnumDescriptor) -> bool {
    one.enum_descriptor_proto() == other.enum_descriptor_proto()
}
