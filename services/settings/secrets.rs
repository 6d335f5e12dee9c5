//! The secrets of a process, as they are given. Command lines can be seen by others on the machine: prefer files.

use std::path::PathBuf;

use kit::SecretSource;

kit::secret_setting! {
    /// What the processes of a mesh know each other by, and the operator.
    pub MeshSecretSetting: "mesh-secret", "FEIRA_MESH_SECRET", "SECRET",
        "The secret that all processes of a mesh share, 16 characters or more. Generated in the data folder where all roles run as one process",
        "File that holds the mesh secret";
}

/// The mesh secret, as it is given.
pub type SharedSecret = SecretSource<MeshSecretSetting>;

/// What must stay secret.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct Secrets {
    #[command(flatten)]
    pub mesh: SharedSecret,
    /// File whose content wraps the signing keys in the user database, the same for all replicas of the
    /// user service (default: DATA_DIR/signing.key, generated)
    #[arg(long, env = "FEIRA_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}
