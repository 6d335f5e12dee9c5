//! What contradicts itself in the settings, or is missing.

use kit::Role;

use super::{Settings, Urls};
use crate::{calls::calls, error::Error};

impl Settings {
    /// Finds what contradicts itself or is missing, before anything is opened.
    pub fn check(&self) -> Result<(), Error> {
        let here = self.process.roles.get();
        for role in here.iter().filter(|role| Role::SERVICES.contains(role)) {
            self.databases.url(*role, &here, &self.process.data)?;
        }
        for role in &here {
            let missing = calls(*role)
                .iter()
                .filter(|callee| !here.contains(callee) && self.urls.of(**callee).is_none());
            let flags: Vec<String> = missing.map(|callee| format!("--{}", Urls::flag(*callee))).collect();
            if !flags.is_empty() {
                let flags = flags.join(", ");
                return Err(Error::usage(format!(
                    "the role {role} calls roles that do not run here: say where they are by {flags}"
                )));
            }
        }
        let types = self
            .payment_types
            .types()
            .map_err(|problem| Error::usage(format!("--payment-type: {problem}")))?;
        if here.contains(&Role::Payment) {
            let url = self.databases.url(Role::Payment, &here, &self.process.data)?;
            let allowed = self.payment.allow_simulated_payments.unwrap_or_else(|| url.starts_with("sqlite:"));
            let simulated = types.iter().find(|(_, kind)| kind.provider == payment::SIMULATED_TYPE);
            if let Some((number, _)) = simulated.filter(|_| !allowed) {
                return Err(Error::usage(format!(
                    "payment type {number} is of the simulated provider, which takes no money and lets everybody pay: \
                     name another by --payment-type (FEIRA_PAYMENT_TYPES), or, where that is meant, set \
                     --allow-simulated-payments (FEIRA_ALLOW_SIMULATED_PAYMENTS=true)"
                )));
            }
        }
        let keeps_data = here.iter().any(|role| Role::SERVICES.contains(role));
        if !self.secrets.mesh.is_given() && here.len() != Role::ALL.len() {
            if !self.secrets.files.are_given() {
                return Err(Error::usage(
                    "processes that run some of the roles share a secret: set FEIRA_MESH_SECRET or FEIRA_MESH_SECRET_FILE",
                ));
            }
            if keeps_data {
                return Err(Error::usage(
                    "the replicas of a role share a secret, also where roles are known by certificates: set FEIRA_MESH_SECRET or FEIRA_MESH_SECRET_FILE",
                ));
            }
        }
        Ok(())
    }
}
