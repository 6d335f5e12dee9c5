//! What the extensions of answers say to the layers around the edge.

use std::sync::Arc;

use kit::telemetry::metrics::web::Route;

/// The template of the route that a request took, and how its requests are measured; in the extensions of its answer.
#[derive(Debug, Clone)]
pub struct MatchedRoute(pub Arc<str>, pub Route);

/// In the extensions of answers of methods that sign in: what they refuse is not the caller's token.
#[derive(Debug, Clone, Copy)]
pub struct SignsIn;

/// In the extensions of answers whose messages are to go out as they come: whatever compresses them holds them back.
#[derive(Debug, Clone, Copy)]
pub struct Streamed;
