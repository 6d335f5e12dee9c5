//! `feira certs`: an authority and certificates for the roles, for development and for who has no other authority.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use kit::{
    Role,
    mesh::certificates::{Certificates, Files},
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::{banner, data, error::Error, settings::ConfigFile};

const AUTHORITY: &str = "ca";
/// How much before now a certificate begins: clocks differ.
const BEFORE: Duration = Duration::hours(1);

/// Makes certificates.
#[derive(clap::Args, Debug)]
pub struct Certs {
    /// The folder that they are written to; made if there is none. With an authority in it already (ca.pem, ca.key),
    /// the certificates are of that one
    folder: PathBuf,

    /// How many days the roles' certificates count
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// How many days a new authority counts
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = clap::value_parser!(u32).range(1..=36500))]
    authority_days: u32,

    /// The domain in the roles' names: what is of another one is a stranger
    #[arg(long, value_name = "DOMAIN", default_value = "feira", value_parser = domain)]
    trust_domain: String,

    /// One more certificate, for a process that runs these roles; repeated for several
    #[arg(long, value_name = "ROLE,ROLE…")]
    together: Vec<Together>,

    /// Other names of the hosts, for gRPC clients that check them, beside the roles' own and localhost
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    host: Vec<String>,

    /// Replace the roles' certificates that are there, with new keys; the authority stays
    #[arg(long)]
    renew: bool,

    #[command(flatten)]
    _config: ConfigFile,
}

/// Roles of one process.
#[derive(Debug, Clone)]
struct Together(Vec<Role>);

impl std::str::FromStr for Together {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let roles: Result<Vec<Role>, String> = text.split(',').map(|name| name.trim().parse()).collect();
        roles.map(Self)
    }
}

fn domain(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    match !text.is_empty() && text.len() <= 255 && text.bytes().all(fits) {
        true => Ok(text.to_owned()),
        false => Err("a trust domain is of small letters, digits, `-`, `.` and `_`".to_owned()),
    }
}

/// Writes them, and says what to give to whom.
pub fn certs(certs: &Certs) -> Result<(), Error> {
    let folder = &certs.folder;
    data::make_folder(folder).map_err(|error| Error::usage(error.to_string().replace("--data-dir: ", "")))?;
    let mut all: Vec<(String, Vec<Role>)> =
        Role::PARTS.into_iter().map(|role| (role.name().to_owned(), vec![role])).collect();
    for Together(roles) in &certs.together {
        all.push((roles.iter().map(|role| role.name()).collect::<Vec<_>>().join("-"), roles.clone()));
    }
    let paths = |name: &str| (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    if !certs.renew {
        let written = all.iter().map(|(name, _)| paths(name)).flat_map(|(chain, key)| [chain, key]);
        if let Some(there) = written.into_iter().find(|path| path.exists()) {
            return Err(Error::usage(format!(
                "{} is there already: name another folder, or say --renew, which replaces it",
                there.display()
            )));
        }
    }
    let (authority, authority_key) = paths(AUTHORITY);
    let of = Authority::open(certs, &authority, &authority_key)?;
    for (name, roles) in &all {
        let (chain, key) = paths(name);
        let (certificate, secret) = of.issue(certs, roles)?;
        let new = |path: &Path| path.with_added_extension("new");
        write(&new(&key), &secret, 0o600)?;
        write(&new(&chain), &certificate, 0o644)?;
        let files = Files { certificate: new(&chain), key: new(&key), authorities: authority.clone() };
        let checked = Certificates::open(files).map_err(Error::usage);
        for path in [&key, &chain] {
            // The key first: who reads in between has a certificate that is not its key's, and waits for the next change.
            let done = match checked {
                Ok(_) => fs::rename(new(path), path),
                Err(_) => fs::remove_file(new(path)),
            };
            done.map_err(|error| Error::usage(format!("{}: {error}", path.display())))?;
        }
        checked?;
    }
    let names = all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let folder = folder.display();
    banner::print(&format!(
        "{names}: each NAME.pem with its NAME.key, of the authority ca.pem, for {} days.\n\
         A process of the role ROLE is given\n  \
         FEIRA_MESH_CERT={folder}/ROLE.pem FEIRA_MESH_KEY={folder}/ROLE.key FEIRA_MESH_CA={folder}/ca.pem\n\
         and finds the others by https://. `feira status`, `verify` and `admin` are given those of `operator`.\n\
         ca.key makes certificates for every role: keep it where none of them runs.\n",
        certs.days
    ))
}

/// What certificates are issued by.
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// The one in the folder, or a new one.
    fn open(certs: &Certs, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let in_key = |error: &dyn std::fmt::Display| Error::usage(format!("{}: {error}", key.display()));
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Feira mesh");
        params.distinguished_name.push(DnType::OrganizationName, certs.trust_domain.as_str());
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = lasting(certs.authority_days);
        if certificate.exists() || key.exists() {
            let text = fs::read_to_string(key).map_err(|error| in_key(&error))?;
            let key = KeyPair::from_pem(&text).map_err(|error| in_key(&error))?;
            // What is issued is checked against its certificate before anybody uses it.
            return Ok(Self(Issuer::new(params, key)));
        }
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::other)?;
        let own = params.self_signed(&pair).map_err(Error::other)?;
        write(key, &pair.serialize_pem(), 0o600)?;
        write(certificate, &own.pem(), 0o644)?;
        Ok(Self(Issuer::new(params, pair)))
    }

    /// A certificate for a process of these roles, and its key.
    fn issue(&self, certs: &Certs, roles: &[Role]) -> Result<(String, String), Error> {
        let names = roles.iter().map(|role| role.name().to_owned());
        let names =
            names.chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned)).chain(certs.host.clone());
        let mut params = CertificateParams::new(names.collect::<Vec<_>>())
            .map_err(|error| Error::usage(format!("--host: {error}")))?;
        for role in roles {
            let uri = format!("spiffe://{}/role/{role}", certs.trust_domain);
            params.subject_alt_names.push(SanType::URI(uri.try_into().map_err(Error::other)?));
        }
        params.distinguished_name = DistinguishedName::new();
        let name = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join("-");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = lasting(certs.days);
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(Error::other)?;
        let certificate = params.signed_by(&pair, &self.0).map_err(Error::other)?;
        Ok((certificate.pem(), pair.serialize_pem()))
    }
}

fn lasting(days: u32) -> (OffsetDateTime, OffsetDateTime) {
    let now = OffsetDateTime::now_utc();
    (now - BEFORE, now + Duration::days(days.into()))
}

/// Writes a file apart and then puts it in its place, so that nobody reads half of it.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), Error> {
    let draft = path.with_extension(format!("{:016x}", rand::random::<u64>()));
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    written().map_err(|error| {
        let _ = fs::remove_file(&draft);
        Error::usage(format!("{}: {error}", path.display()))
    })
}
