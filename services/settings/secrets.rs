//! The secrets of a process, as they are given. Command lines can be seen by others on the machine: prefer files.

use std::path::{Path, PathBuf};

use kit::{
    SecretSource,
    mesh::certificates::{Certificates, Files},
};

use crate::error::Error;

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
    #[command(flatten)]
    pub files: MeshFiles,
    #[command(flatten)]
    pub key_file: KeyFileSetting,
}

/// Where the key file is.
#[derive(clap::Args, Debug, Clone)]
#[group(skip)]
pub struct KeyFileSetting {
    /// File of keys, one a line: the first wraps the signing keys and second factors in the user database, all unwrap. The
    /// same for all replicas of the user service (default: DATA_DIR/signing.key, generated)
    #[arg(id = "key_file", long = "key-file", env = "FEIRA_KEY_FILE", value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// The certificate that a process has among the roles of its mesh.
#[derive(clap::Args, Debug, Clone, Default)]
#[group(skip)]
pub struct MeshFiles {
    /// The certificate of this process's roles, and of those above it, in PEM; roles are its URI names, such as
    /// spiffe://feira/role/order. gRPC is by TLS then, and roles know each other by certificates. `feira certs` makes
    /// them. The files are read again when they change
    #[arg(long, env = "FEIRA_MESH_CERT", value_name = "FILE", requires = "mesh_key")]
    mesh_cert: Option<PathBuf>,

    /// The key of that certificate, in PEM: Ed25519 or ECDSA P-256
    #[arg(long, env = "FEIRA_MESH_KEY", value_name = "FILE", requires = "mesh_ca")]
    mesh_key: Option<PathBuf>,

    /// The authorities that the certificates of all roles are of, in PEM: one, or several while they are being changed
    #[arg(long, env = "FEIRA_MESH_CA", value_name = "FILE", requires = "mesh_cert")]
    mesh_ca: Option<PathBuf>,
}

impl MeshFiles {
    /// Whether there is one.
    pub fn are_given(&self) -> bool {
        self.mesh_cert.is_some()
    }

    /// The file of the certificate.
    pub fn certificate(&self) -> Option<&Path> {
        self.mesh_cert.as_deref()
    }

    /// Reads it.
    pub fn open(&self) -> Result<Option<Certificates>, Error> {
        let (Some(certificate), Some(key), Some(authorities)) =
            (self.mesh_cert.clone(), self.mesh_key.clone(), self.mesh_ca.clone())
        else {
            return Ok(None);
        };
        let opened = Certificates::open(Files { certificate, key, authorities });
        opened
            .map(Some)
            .map_err(|problem| Error::usage(format!("--mesh-cert, --mesh-key, --mesh-ca: {problem}")))
    }
}
