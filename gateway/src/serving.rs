//! What an edge serves: services, the ways to them, and what follows from their descriptors.

use std::{collections::HashMap, sync::Arc};

use prost_reflect::{DescriptorPool, ServiceDescriptor};

use crate::{
    Error,
    access_rule::{Access, access},
    binding::{Binding, Rule},
    json::{Required, Style, Tables},
    metadata::Forward,
    own_urls,
    protocol::Native,
    routes::Routes,
    rpc::Rpc,
    template::Template,
};

/// Characters at most of a path that an error tells.
const LONGEST: usize = 200;

/// A service, and the way to it. Its descriptor has a pool of its own: two services may know different files by one
/// name.
#[derive(Clone)]
pub struct Served {
    /// What it can do.
    pub service: ServiceDescriptor,
    /// The way to it.
    pub way: Way,
}

/// The way to a service.
#[derive(Clone)]
pub struct Way {
    /// The transport.
    pub conn: kit::Conn,
    /// Which headers go along it, beside those that each method's options name.
    pub forward: Arc<Forward>,
}

/// How the messages of a contract are written, read and judged.
#[derive(Clone)]
pub struct Forms {
    /// Writes what REST answers.
    pub answers: Arc<Tables>,
    /// Reads requests, and writes proto3 JSON, in whatever style the answers are.
    pub canonical: Arc<Tables>,
    /// Knows what requests must have.
    pub required: Arc<Required>,
}

impl Forms {
    fn new(pool: &DescriptorPool, style: Style) -> Self {
        let canonical = Arc::new(Tables::new(pool, own_urls::is_own_url));
        let answers = match style == Style::default() {
            true => canonical.clone(),
            false => Arc::new(Tables::styled(pool, style, own_urls::is_own_url)),
        };
        Self { answers, canonical, required: Arc::new(Required::new(pool)) }
    }
}

/// All that can be called.
#[derive(Default)]
pub struct Table {
    style: Style,
    /// Those of each contract.
    forms: Vec<(DescriptorPool, Forms)>,
    /// The routes that the contracts' HTTP rules give.
    pub routes: Routes<Arc<Binding>>,
    /// The methods by the paths that gRPC gives them.
    pub methods: HashMap<String, Arc<Native>>,
}

impl Served {
    /// The services of one pool for which there is a transport, as Feira's own are served.
    pub fn of_pool(pool: &DescriptorPool, upstream: impl Fn(&str) -> Option<kit::Conn>) -> Vec<Self> {
        let served = |service: ServiceDescriptor| {
            let conn = upstream(service.full_name())?;
            Some(Self { service, way: Way { conn, forward: Arc::default() } })
        };
        pool.services().filter_map(served).collect()
    }
}

impl Table {
    /// The table of some services, which are answered for in a style. The error says which method is wrong and why.
    pub fn of(all: &[Served], style: Style) -> Result<Self, Error> {
        let mut table = Self { style, ..Self::default() };
        for Served { service, way } in all {
            for method in service.methods() {
                let name = method.full_name().to_owned();
                let wrong = |problem: String| Error::Method { method: name.clone(), problem };
                let rules = Rule::of(&method, service.parent_pool()).map_err(wrong)?;
                // What services alone call among themselves is nobody's here.
                let is_open = access(&method) != Some(Access::Mesh);
                if rules.is_empty() && !is_open {
                    continue;
                }
                let forms = table.forms(service.parent_pool());
                let rpc = Arc::new(Rpc::new(method, forms, way).map_err(wrong)?);
                table.bind(&rpc, &rules).map_err(wrong)?;
                let path = rpc.path.path().to_owned();
                if is_open && table.methods.insert(path, Arc::new(Native::new(rpc))).is_some() {
                    return Err(wrong("it is served twice".to_owned()));
                }
            }
        }
        Ok(table)
    }

    /// How the messages of a contract are written, read and judged.
    pub fn forms(&mut self, pool: &DescriptorPool) -> Forms {
        if let Some((_, forms)) = self.forms.iter().find(|(known, _)| known == pool) {
            return forms.clone();
        }
        let forms = Forms::new(pool, self.style);
        self.forms.push((pool.clone(), forms.clone()));
        forms
    }

    fn bind(&mut self, rpc: &Arc<Rpc>, rules: &[Rule]) -> Result<(), String> {
        for rule in rules {
            // As much of a path as leaves room for what is wrong with it.
            let shown: String = rule.path.chars().take(LONGEST).collect();
            let wrong = |problem: String| format!("path `{shown}`: {problem}");
            let template = Template::parse(&rule.path).map_err(|error| wrong(error.to_string()))?;
            for method in &rule.methods {
                let binding =
                    Binding::resolve(rpc.clone(), method.clone(), &template, rule).map_err(wrong)?;
                self.routes
                    .add(method.clone(), &template, Arc::new(binding))
                    .map_err(|taken| wrong(format!("by {method} it is the same route as {taken:?}")))?;
            }
        }
        Ok(())
    }
}
