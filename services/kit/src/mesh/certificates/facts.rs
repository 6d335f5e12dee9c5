//! What a certificate says: for whom it is, and from when until when.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    sign::CertifiedKey,
};
use webpki::EndEntityCert;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::certificates;

/// What the first certificate of a file says.
#[derive(Debug)]
pub struct Facts {
    /// Hosts and URIs.
    pub names: Vec<String>,
    pub from: SystemTime,
    /// The end of whichever of the chain ends first.
    pub until: SystemTime,
    der: CertificateDer<'static>,
}

impl Facts {
    /// Reads it, and whether its key belongs to it, where that is given.
    pub fn read(file: &Path, key: Option<&Path>) -> Result<Self, String> {
        let chain = certificates(file)?;
        let in_file = |problem: String| format!("{}: {problem}", file.display());
        if let Some(key) = key {
            let secret = PrivateKeyDer::from_pem_file(key);
            let secret = secret.map_err(|error| format!("{}: {error}", key.display()))?;
            let provider = aws_lc_rs::default_provider();
            CertifiedKey::from_der(chain.clone(), secret, &provider)
                .map_err(|error| in_file(error.to_string()))?;
        }
        let mut spans = Vec::new();
        for certificate in &chain {
            let (_, read) =
                X509Certificate::from_der(certificate).map_err(|error| in_file(error.to_string()))?;
            let validity = read.validity();
            spans.push((time(validity.not_before.timestamp()), time(validity.not_after.timestamp())));
        }
        let from = spans.iter().map(|(from, _)| *from).max();
        let until = spans.iter().map(|(_, until)| *until).min();
        let (Some(from), Some(until), Some(der)) = (from, until, chain.into_iter().next()) else {
            return Err(in_file("there is no certificate in it".to_owned()));
        };
        let names = {
            let own = EndEntityCert::try_from(&der).map_err(|error| in_file(error.to_string()))?;
            own.valid_dns_names().chain(own.valid_uri_names()).map(str::to_owned).collect()
        };
        Ok(Self { names, from, until, der })
    }

    /// Whether it is for this host.
    pub fn is_for(&self, host: &str) -> bool {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (Ok(name), Ok(own)) = (ServerName::try_from(host), EndEntityCert::try_from(&self.der)) else {
            return false;
        };
        own.verify_is_valid_for_subject_name(&name).is_ok()
    }
}

fn time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(seconds.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let time = if seconds < 0 { epoch.checked_sub(since) } else { epoch.checked_add(since) };
    time.unwrap_or(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_for_whom_and_until_when() {
        let folder = tempfile::tempdir().unwrap();
        let (file, key) = (folder.path().join("cert"), folder.path().join("key"));
        let pair = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["shop.example".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        std::fs::write(&file, parameters.self_signed(&pair).unwrap().pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        let facts = Facts::read(&file, Some(&key)).unwrap();
        assert_eq!(facts.names, ["shop.example"]);
        assert_eq!(facts.until, SystemTime::UNIX_EPOCH + Duration::from_secs(1_609_459_200));
        assert!(facts.is_for("shop.example") && !facts.is_for("other.example") && !facts.is_for("127.0.0.1"));
        // A key of another certificate.
        std::fs::write(&key, rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
        assert!(Facts::read(&file, Some(&key)).is_err());
        std::fs::write(&file, "nothing").unwrap();
        assert!(Facts::read(&file, None).unwrap_err().contains("no certificate"));
    }
}
